namespace Claims.PageTests.Logic;

public sealed class MoneyTests
{
    [Fact]
    public Task Price_as_typed_is_exact_or_nothing() => PageLogic.ReturnsAsync(
        """["1250000","1","1200000","1250000","1200000","99999999900000",null,null,null,null,null,null,null,null]""",
        """
        const { priceMilliFen } = await import('./money.js');
        return [
          '12.5', '0.00001', '12.000000', '１２。５', ' 12. ', '999999999', '0', '0.00', '0.000001', '-1', '1234567890', '1e3', '12,5', null,
        ].map(priceMilliFen);
        """);

    [Fact]
    public Task Quantity_as_typed_is_exact_or_nothing() => PageLogic.ReturnsAsync(
        """["5000","10000","1","30000",null,null,null]""",
        """
        const { quantityE4 } = await import('./money.js');
        return ['0.5', '1.00000', '0.0001', '３', '0', '1.00001', ''].map(quantityE4);
        """);

    [Fact]
    public Task Amount_is_price_times_quantity_half_up() => PageLogic.ReturnsAsync(
        """["12","13","13","1","0","99999999900000"]""",
        """
        const { amountFen } = await import('./money.js');
        return [[12499n, 10000n], [12500n, 10000n], [12501n, '10000'], [1000n, 5000n], [1000n, 4999n], ['99999999900000', '10000000']]
          .map(([price, quantity]) => amountFen(price, quantity));
        """);

    [Fact]
    public Task Amounts_are_shown_with_every_digit() => PageLogic.ReturnsAsync(
        """
        [["0.00","0.05","-0.05","123.45","-300.00","90071992547409.93"],["12.50","0.00001","1.23456","3.00"],["0.5","1","0.0025","120"],
        ["65%","55.5%","0.05%","100%"]]
        """,
        """
        const money = await import('./money.js');
        return [
          [null, 5, -5, '12345', '-30000', '9007199254740993'].map(money.yuan),
          [1250000, 1, '123456', 300000].map(money.yuanOfMilliFen),
          [5000, 10000, '25', 1200000].map(money.pieces),
          [6500, 5550, 5, 10000].map(money.percent),
        ];
        """);
}
