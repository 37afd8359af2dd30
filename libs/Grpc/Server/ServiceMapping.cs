using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grpc.Server;

/// <summary>Stands on every endpoint of a gRPC method.</summary>
public sealed record GrpcMethodMetadata(Type ServiceType, IMethod Method);

/// <summary>Gives every method of a generated service base class its endpoint, with the handler that the derived class has for it.</summary>
internal sealed class ServiceMapping<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicMethods | DynamicallyAccessedMemberTypes.PublicConstructors)] TService>
    : ServiceBinderBase where TService : class
{
    private readonly IEndpointRouteBuilder _endpoints;
    private readonly MappedServices _mappedServices;
    private readonly GrpcServiceOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Interceptor[] _interceptors;
    private readonly Func<HttpContext, TService> _service;
    private readonly List<IEndpointConventionBuilder> _mapped = [];

    private ServiceMapping(IEndpointRouteBuilder endpoints, MappedServices mappedServices)
    {
        IServiceProvider services = endpoints.ServiceProvider;
        _endpoints = endpoints;
        _mappedServices = mappedServices;
        _options = services.GetRequiredService<IOptions<GrpcServiceOptions>>().Value;
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("Grpc.AspNetCore.Server.ServerCallHandler");
        _interceptors = services.GetRequiredService<InterceptorInstances>().All;
        _service = Activation(services);
    }

    public static IReadOnlyList<IEndpointConventionBuilder> Map(IEndpointRouteBuilder endpoints, MappedServices services)
    {
        BindServiceMethodAttribute binding = typeof(TService).GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)
            ?? throw new InvalidOperationException($"{typeof(TService).Name} does not derive from a generated gRPC service base class.");
        MethodInfo bind = binding.BindType.GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Single(candidate => candidate.Name == binding.BindMethodName && candidate.GetParameters() is [{ } first, _] && first.ParameterType == typeof(ServiceBinderBase));
        ServiceMapping<TService> mapping = new(endpoints, services);
        bind.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [mapping, null], null);
        return mapping._mapped;
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var open = OpenDelegate<Func<TService, TRequest, ServerCallContext, Task<TResponse>>>(method, [typeof(TRequest), typeof(ServerCallContext)]);
        UnaryServerMethod<TRequest, TResponse> invoke = (request, context) => open(ServiceOf(context), request, context);
        foreach (Interceptor interceptor in _interceptors.Reverse())
        {
            UnaryServerMethod<TRequest, TResponse> next = invoke;
            invoke = (request, context) => interceptor.UnaryServerHandler(request, context, next);
        }
        Add(method, open.Method, new UnaryHandler<TRequest, TResponse>(method, invoke, _options, _time, _logger));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var open = OpenDelegate<Func<TService, IAsyncStreamReader<TRequest>, ServerCallContext, Task<TResponse>>>(
            method, [typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext)]);
        ClientStreamingServerMethod<TRequest, TResponse> invoke = (requests, context) => open(ServiceOf(context), requests, context);
        foreach (Interceptor interceptor in _interceptors.Reverse())
        {
            ClientStreamingServerMethod<TRequest, TResponse> next = invoke;
            invoke = (requests, context) => interceptor.ClientStreamingServerHandler(requests, context, next);
        }
        Add(method, open.Method, new ClientStreamingHandler<TRequest, TResponse>(method, invoke, _options, _time, _logger));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var open = OpenDelegate<Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(
            method, [typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext)]);
        ServerStreamingServerMethod<TRequest, TResponse> invoke = (request, responses, context) => open(ServiceOf(context), request, responses, context);
        foreach (Interceptor interceptor in _interceptors.Reverse())
        {
            ServerStreamingServerMethod<TRequest, TResponse> next = invoke;
            invoke = (request, responses, context) => interceptor.ServerStreamingServerHandler(request, responses, context, next);
        }
        Add(method, open.Method, new ServerStreamingHandler<TRequest, TResponse>(method, invoke, _options, _time, _logger));
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var open = OpenDelegate<Func<TService, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(
            method, [typeof(IAsyncStreamReader<TRequest>), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext)]);
        DuplexStreamingServerMethod<TRequest, TResponse> invoke = (requests, responses, context) => open(ServiceOf(context), requests, responses, context);
        foreach (Interceptor interceptor in _interceptors.Reverse())
        {
            DuplexStreamingServerMethod<TRequest, TResponse> next = invoke;
            invoke = (requests, responses, context) => interceptor.DuplexStreamingServerHandler(requests, responses, context, next);
        }
        Add(method, open.Method, new DuplexStreamingHandler<TRequest, TResponse>(method, invoke, _options, _time, _logger));
    }

    private void Add(IMethod method, MethodInfo implementation, MethodHandler handler)
    {
        _mappedServices.Add(method.ServiceName);
        _mapped.Add(_endpoints.MapMethods(method.FullName, [HttpMethods.Post], handler.HandleAsync)
            .WithDisplayName($"gRPC - {method.FullName}")
            .WithMetadata(new GrpcMethodMetadata(typeof(TService), method))
            .WithMetadata([.. typeof(TService).GetCustomAttributes(inherit: true), .. implementation.GetCustomAttributes(inherit: true)]));
    }

    private TService ServiceOf(ServerCallContext context) => _service(context.GetHttpContext());

    private static TDelegate OpenDelegate<TDelegate>(IMethod method, Type[] parameters) where TDelegate : Delegate
    {
        MethodInfo implementation = typeof(TService).GetMethod(method.Name, parameters)
            ?? throw new InvalidOperationException($"{typeof(TService).Name} has no method {method.Name}.");
        return implementation.CreateDelegate<TDelegate>();
    }

    /// <summary>From the container with the lifetime registered there, otherwise a new instance per call.</summary>
    private static Func<HttpContext, TService> Activation(IServiceProvider services)
    {
        switch (services.GetRequiredService<RegisteredServices>().LifetimeOf(typeof(TService)))
        {
            // Not by way of the request: its scope would be made for this alone.
            case ServiceLifetime.Singleton:
                return _ => services.GetRequiredService<TService>();
            case not null:
                return static http => http.RequestServices.GetRequiredService<TService>();
        }
        ObjectFactory<TService> factory = ActivatorUtilities.CreateFactory<TService>([]);
        return http =>
        {
            TService instance = factory(http.RequestServices, null);
            if (instance is IAsyncDisposable asyncDisposable)
                http.Response.RegisterForDisposeAsync(asyncDisposable);
            else if (instance is IDisposable disposable)
                http.Response.RegisterForDispose(disposable);
            return instance;
        };
    }
}

/// <summary>What the application has registered in its container.</summary>
internal sealed class RegisteredServices(IServiceCollection services)
{
    /// <summary>Null for a type that is not registered.</summary>
    public ServiceLifetime? LifetimeOf(Type type) => services.LastOrDefault(service => service.ServiceType == type && !service.IsKeyedService)?.Lifetime;
}

/// <summary>The application's server interceptors, made once.</summary>
internal sealed class InterceptorInstances(IServiceProvider services, IOptions<GrpcServiceOptions> options)
{
    public Interceptor[] All { get; } = [.. options.Value.Interceptors.Select(registration =>
        (Interceptor)(services.GetService(registration.Type) ?? ActivatorUtilities.CreateInstance(services, registration.Type, [.. registration.Arguments])))];
}

/// <summary>Answers POST requests for services and methods that are not there with UNIMPLEMENTED.</summary>
internal static class UnimplementedEndpoints
{
    public static void Map(IEndpointRouteBuilder endpoints, MappedServices services)
    {
        if (!services.TryMapUnimplemented())
            return;
        endpoints.MapMethods("/{service}/{method}", [HttpMethods.Post], http => AnswerAsync(http, services))
            .WithDisplayName("gRPC - Unimplemented")
            .Add(endpoint => ((RouteEndpointBuilder)endpoint).Order = int.MaxValue);
    }

    private static Task AnswerAsync(HttpContext http, MappedServices services)
    {
        if (!GrpcRequest.IsGrpc(http.Request.ContentType))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }
        if (!GrpcRequest.IsAcceptable(http))
            return Task.CompletedTask;
        bool known = http.GetRouteValue("service") is string service && services.Contains(service);
        http.Response.ContentType = GrpcRequest.ContentType;
        http.Response.Headers.GrpcStatus = "12";
        http.Response.Headers.GrpcMessage = known ? "Method is unimplemented." : "Service is unimplemented.";
        return Task.CompletedTask;
    }
}

/// <summary>The names of the services that the application serves.</summary>
internal sealed class MappedServices
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private bool _unimplementedMapped;

    public void Add(string name) => _names.Add(name);
    public bool Contains(string name) => _names.Contains(name);
    public bool TryMapUnimplemented() => !_unimplementedMapped && (_unimplementedMapped = true);
}
