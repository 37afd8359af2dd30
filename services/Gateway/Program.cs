using Claims.Gateway;
using Claims.Hosting;

WebApplicationBuilder builder = ServiceHost.CreateBuilder(args, "gateway");
GatewaySettings settings = builder.AddSettings<GatewaySettings>(MainPort.Http, certificateOptional: read => read.HasPage);
builder.AddGateway(settings);

WebApplication app = builder.Build();
app.MapClinicApi();
return await ServiceHost.RunAsync(app);
