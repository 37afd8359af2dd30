// One dashboard, drawn by Grafana's components from answers of Prometheus that shoot.mjs has put into window.board.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import {
  applyFieldOverrides, createTheme, dateTime, FieldType, getDisplayProcessor, getFieldDisplayValues, standardFieldConfigEditorRegistry,
  ThemeContext, VizOrientation, type DataFrame, type Field,
} from '@grafana/data';
import { BarGauge, BarGaugeDisplayMode, BigValue, GlobalStyles, LegendDisplayMode, PanelChrome, TimeSeries } from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';
import { TableNG } from '@grafana/ui/unstable';

const theme = createTheme({ colors: { mode: 'light' } });
const COLUMN = 60, ROW = 36, GAP = 8;
const { board, from, to } = (window as any).board;
const range = { from: dateTime(from), to: dateTime(to), raw: { from: 'now-15m', to: 'now' } };

const legend = (template: string, labels: Record<string, string>) =>
  template ? template.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? '') : '';

// A share of nothing is no number; a scale does not start from one.
const number = (text: string) => text === 'NaN' ? null : Number(text);

function frames(panel: any): DataFrame[] {
  const raw: DataFrame[] = panel.answers.flatMap((answer: any) => answer.result.map((series: any) => {
    const points = series.values ?? [series.value];
    const name = legend(answer.legend, series.metric) || panel.title;
    const fields: Field[] = [
      { name: 'Time', type: FieldType.time, config: {}, values: points.map((point: any) => point[0] * 1000) },
      { name, type: FieldType.number, config: { displayName: name }, values: points.map((point: any) => number(point[1])) },
    ];
    return { name, refId: answer.refId, length: points.length, fields };
  }));
  return applyFieldOverrides({
    data: raw, fieldConfig: panel.fieldConfig, theme, replaceVariables: (text: string) => text, timeZone: 'Asia/Shanghai',
  });
}

function table(panel: any): DataFrame {
  const rows = panel.answers[0].result.map((series: any) => series.metric);
  const names = [...new Set(rows.flatMap((row: any) => Object.keys(row)))] as string[];
  return applyFieldOverrides({
    data: [{ length: rows.length, fields: names.map(name => ({ name, type: FieldType.string, config: {}, values: rows.map((row: any) => row[name] ?? '') })) }],
    fieldConfig: { defaults: {}, overrides: [] }, theme, replaceVariables: (text: string) => text, timeZone: 'Asia/Shanghai',
  })[0];
}

function Body({ panel, width, height }: { panel: any; width: number; height: number }) {
  if (panel.type === 'table') return <TableNG data={table(panel)} width={width} height={height} />;
  const data = frames(panel);
  if (data.length === 0) return <div style={{ padding: 16, color: '#888' }}>无数据</div>;
  if (panel.type === 'timeseries') {
    return <TimeSeries frames={data} timeRange={range as any} timeZone="Asia/Shanghai" width={width} height={height}
      legend={{ displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true, calcs: [] }} />;
  }
  const values = getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text: string) => text, theme, data,
    sparkline: panel.type === 'stat', timeZone: 'Asia/Shanghai',
  });
  if (panel.type === 'stat') {
    return <BigValue value={{ ...values[0].display, title: undefined }} sparkline={values[0].sparkline} width={width} height={height}
      theme={theme} colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} textMode={'value' as any} />;
  }
  const each = Math.min(28, height / values.length);
  return <div>{values.map((value, index) => (
    <BarGauge key={index} value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
      width={width} height={each - 4} orientation={VizOrientation.Horizontal} displayMode={BarGaugeDisplayMode.Basic} theme={theme} itemSpacing={4} />
  ))}</div>;
}

function Board() {
  return <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <div id="board" style={{ position: 'relative', width: 24 * COLUMN + GAP, background: theme.colors.background.canvas,
      height: Math.max(...board.panels.map((panel: any) => panel.gridPos.y + panel.gridPos.h)) * ROW + 56 }}>
      <div style={{ position: 'absolute', left: 12, top: 12, font: '600 20px "Noto Sans CJK SC"' }}>{board.title}
        <span style={{ font: '13px "Noto Sans CJK SC"', marginLeft: 16, color: '#555' }}>{board.description}</span></div>
      {board.panels.map((panel: any) => {
        const { x, y, w, h } = panel.gridPos;
        const box = { position: 'absolute' as const, left: x * COLUMN + GAP, top: y * ROW + 48, width: w * COLUMN - GAP, height: h * ROW - GAP };
        return <div key={panel.id} style={box} data-panel={panel.title}>
          {panel.type === 'row'
            ? <div style={{ font: '500 15px "Noto Sans CJK SC"', paddingTop: 6 }}>{panel.title}</div>
            : <PanelChrome title={panel.title} width={box.width} height={box.height}>
                {(width, height) => <Body panel={panel} width={width} height={height} />}
              </PanelChrome>}
        </div>;
      })}
    </div>
  </ThemeContext.Provider>;
}

standardFieldConfigEditorRegistry.setInit(() => ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'mappings', 'thresholds', 'links']
  .map(id => ({ id, path: id, name: id, process: (value: any) => value, shouldApply: () => true, getItemsCount: () => 0 }) as any));
createRoot(document.getElementById('root')!).render(<Board />);
