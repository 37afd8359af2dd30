using k8s.Models;
using YamlDotNet.Serialization;

namespace Deploy.Tests.Cluster;

// The fields that deploy/k8s uses of objects which are not Kubernetes' own, as their makers' references name them: whatever is not here
// is a slip until it is looked up.
#pragma warning disable CA1812 // made by the reader
#pragma warning disable MA0048 // one table

/// <summary>What every custom object has.</summary>
internal abstract class Custom<TSpec> where TSpec : class
{
    public string? ApiVersion { get; set; }
    public string? Kind { get; set; }
    public V1ObjectMeta? Metadata { get; set; }
    public TSpec? Spec { get; set; }
}

internal static class CustomObjects
{
    public static readonly Dictionary<string, Type> Types = new(StringComparer.Ordinal)
    {
        ["cert-manager.io/v1/Issuer"] = typeof(IssuerObject),
        ["cert-manager.io/v1/Certificate"] = typeof(CertificateObject),
        ["monitoring.coreos.com/v1/PodMonitor"] = typeof(PodMonitorObject),
        ["monitoring.coreos.com/v1/PrometheusRule"] = typeof(PrometheusRuleObject),
        ["gateway.networking.k8s.io/v1/Gateway"] = typeof(GatewayObject),
        ["gateway.networking.k8s.io/v1alpha2/TLSRoute"] = typeof(TlsRouteObject),
        ["postgresql.cnpg.io/v1/Cluster"] = typeof(PostgresClusterObject),
        ["postgresql.cnpg.io/v1/ScheduledBackup"] = typeof(ScheduledBackupObject),
        ["barmancloud.cnpg.io/v1/ObjectStore"] = typeof(ObjectStoreObject),
        ["kafka.strimzi.io/v1/Kafka"] = typeof(KafkaObject),
        ["kafka.strimzi.io/v1/KafkaNodePool"] = typeof(KafkaNodePoolObject),
        ["kafka.strimzi.io/v1/KafkaTopic"] = typeof(KafkaTopicObject),
        ["kafka.strimzi.io/v1/KafkaUser"] = typeof(KafkaUserObject),
    };
}

internal sealed class NameOf
{
    public string? Name { get; set; }
}

// cert-manager
internal sealed class IssuerObject : Custom<IssuerSpec>;

internal sealed class IssuerSpec
{
    public IssuerCa? Ca { get; set; }
}

internal sealed class IssuerCa
{
    public string? SecretName { get; set; }
}

internal sealed class CertificateObject : Custom<CertificateSpec>;

internal sealed class CertificateSpec
{
    public string? SecretName { get; set; }
    public IssuerReference? IssuerRef { get; set; }
    public List<string>? DnsNames { get; set; }
    public List<string>? Uris { get; set; }
    public List<string>? Usages { get; set; }
    public CertificateKey? PrivateKey { get; set; }
    public string? Duration { get; set; }
    public string? RenewBefore { get; set; }
}

internal sealed class IssuerReference
{
    public string? Kind { get; set; }
    public string? Name { get; set; }
}

internal sealed class CertificateKey
{
    public string? Algorithm { get; set; }
    public int Size { get; set; }
    public string? RotationPolicy { get; set; }
}

// The Prometheus operator
internal sealed class PodMonitorObject : Custom<PodMonitorSpec>;

internal sealed class PodMonitorSpec
{
    public string? JobLabel { get; set; }
    public V1LabelSelector? Selector { get; set; }
    public List<PodEndpoint>? PodMetricsEndpoints { get; set; }
}

internal sealed class PodEndpoint
{
    public string? Port { get; set; }
    public string? Path { get; set; }
    public string? Interval { get; set; }
}

internal sealed class PrometheusRuleObject : Custom<PrometheusRuleSpec>;

internal sealed class PrometheusRuleSpec
{
    public List<RuleGroup>? Groups { get; set; }
}

internal sealed class RuleGroup
{
    public string? Name { get; set; }
    public string? Interval { get; set; }
    public List<Rule>? Rules { get; set; }
}

internal sealed class Rule
{
    public string? Record { get; set; }
    public string? Alert { get; set; }
    public string? Expr { get; set; }
    public string? For { get; set; }
    [YamlMember(Alias = "keep_firing_for", ApplyNamingConventions = false)]
    public string? KeepFiringFor { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    public Dictionary<string, string>? Annotations { get; set; }
}

// The Gateway API
internal sealed class GatewayObject : Custom<GatewaySpec>;

internal sealed class GatewaySpec
{
    public string? GatewayClassName { get; set; }
    public List<GatewayListener>? Listeners { get; set; }
}

internal sealed class GatewayListener
{
    public string? Name { get; set; }
    public string? Protocol { get; set; }
    public int Port { get; set; }
    public string? Hostname { get; set; }
    public GatewayTls? Tls { get; set; }
    public AllowedRoutes? AllowedRoutes { get; set; }
}

internal sealed class GatewayTls
{
    public string? Mode { get; set; }
}

internal sealed class AllowedRoutes
{
    public RouteNamespaces? Namespaces { get; set; }
    public List<RouteKind>? Kinds { get; set; }
}

internal sealed class RouteNamespaces
{
    public string? From { get; set; }
}

internal sealed class RouteKind
{
    public string? Kind { get; set; }
}

internal sealed class TlsRouteObject : Custom<TlsRouteSpec>;

internal sealed class TlsRouteSpec
{
    public List<RouteParent>? ParentRefs { get; set; }
    public List<string>? Hostnames { get; set; }
    public List<TlsRouteRule>? Rules { get; set; }
}

internal sealed class RouteParent
{
    public string? Name { get; set; }
    public string? SectionName { get; set; }
}

internal sealed class TlsRouteRule
{
    public List<RouteBackend>? BackendRefs { get; set; }
}

internal sealed class RouteBackend
{
    public string? Name { get; set; }
    public int Port { get; set; }
}

// CloudNativePG
internal sealed class PostgresClusterObject : Custom<PostgresClusterSpec>;

internal sealed class PostgresClusterSpec
{
    public int Instances { get; set; }
    public string? ImageName { get; set; }
    public string? PriorityClassName { get; set; }
    public PostgresStorage? Storage { get; set; }
    public PostgresStorage? WalStorage { get; set; }
    public V1ResourceRequirements? Resources { get; set; }
    public PostgresAffinity? Affinity { get; set; }
    public PostgresBootstrap? Bootstrap { get; set; }
    public PostgresManaged? Managed { get; set; }
    public List<PostgresPlugin>? Plugins { get; set; }
    public PostgresConfiguration? Postgresql { get; set; }
}

internal sealed class PostgresStorage
{
    public string? Size { get; set; }
}

internal sealed class PostgresAffinity
{
    public string? TopologyKey { get; set; }
    public string? PodAntiAffinityType { get; set; }
}

internal sealed class PostgresBootstrap
{
    public PostgresInitdb? Initdb { get; set; }
}

internal sealed class PostgresInitdb
{
    public string? Database { get; set; }
    public string? Owner { get; set; }
    public bool DataChecksums { get; set; }
    [YamlMember(Alias = "postInitApplicationSQL", ApplyNamingConventions = false)]
    public List<string>? PostInitApplicationSql { get; set; }
}

internal sealed class PostgresManaged
{
    public List<PostgresRole>? Roles { get; set; }
}

internal sealed class PostgresRole
{
    public string? Name { get; set; }
    public string? Ensure { get; set; }
    public bool Login { get; set; }
    public List<string>? InRoles { get; set; }
    public NameOf? PasswordSecret { get; set; }
}

internal sealed class PostgresPlugin
{
    public string? Name { get; set; }
    [YamlMember(Alias = "isWALArchiver", ApplyNamingConventions = false)]
    public bool IsWalArchiver { get; set; }
    public Dictionary<string, string>? Parameters { get; set; }
}

internal sealed class PostgresConfiguration
{
    public PostgresSynchronous? Synchronous { get; set; }
}

internal sealed class PostgresSynchronous
{
    public string? Method { get; set; }
    public int Number { get; set; }
    public string? DataDurability { get; set; }
}

internal sealed class ScheduledBackupObject : Custom<ScheduledBackupSpec>;

internal sealed class ScheduledBackupSpec
{
    public string? Schedule { get; set; }
    public NameOf? Cluster { get; set; }
    public string? BackupOwnerReference { get; set; }
    public string? Method { get; set; }
    public NameOf? PluginConfiguration { get; set; }
}

internal sealed class ObjectStoreObject : Custom<ObjectStoreSpec>;

internal sealed class ObjectStoreSpec
{
    public string? RetentionPolicy { get; set; }
    public ObjectStoreConfiguration? Configuration { get; set; }
}

internal sealed class ObjectStoreConfiguration
{
    public string? DestinationPath { get; set; }
    [YamlMember(Alias = "endpointURL", ApplyNamingConventions = false)]
    public string? EndpointUrl { get; set; }
    public ObjectStoreKeys? S3Credentials { get; set; }
    public ObjectStoreCompression? Wal { get; set; }
    public ObjectStoreCompression? Data { get; set; }
}

internal sealed class ObjectStoreKeys
{
    public V1SecretKeySelector? AccessKeyId { get; set; }
    public V1SecretKeySelector? SecretAccessKey { get; set; }
}

internal sealed class ObjectStoreCompression
{
    public string? Compression { get; set; }
}

// Strimzi
internal sealed class KafkaObject : Custom<KafkaSpec>;

internal sealed class KafkaSpec
{
    public KafkaBrokers? Kafka { get; set; }
    public KafkaEntityOperator? EntityOperator { get; set; }
}

internal sealed class KafkaBrokers
{
    public List<KafkaListener>? Listeners { get; set; }
    public TypeOf? Authorization { get; set; }
    public KafkaRack? Rack { get; set; }
    public Dictionary<string, string>? Config { get; set; }
}

internal sealed class TypeOf
{
    public string? Type { get; set; }
}

internal sealed class KafkaRack
{
    public string? TopologyKey { get; set; }
}

internal sealed class KafkaListener
{
    public string? Name { get; set; }
    public int Port { get; set; }
    public string? Type { get; set; }
    public bool Tls { get; set; }
    public TypeOf? Authentication { get; set; }
    public List<V1NetworkPolicyPeer>? NetworkPolicyPeers { get; set; }
}

internal sealed class KafkaEntityOperator
{
    public Empty? TopicOperator { get; set; }
    public Empty? UserOperator { get; set; }
}

internal sealed class Empty;

internal sealed class KafkaNodePoolObject : Custom<KafkaNodePoolSpec>;

internal sealed class KafkaNodePoolSpec
{
    public int Replicas { get; set; }
    public List<string>? Roles { get; set; }
    public KafkaStorage? Storage { get; set; }
    public V1ResourceRequirements? Resources { get; set; }
}

internal sealed class KafkaStorage
{
    public string? Type { get; set; }
    public List<KafkaVolume>? Volumes { get; set; }
}

internal sealed class KafkaVolume
{
    public int Id { get; set; }
    public string? Type { get; set; }
    public string? Size { get; set; }
    public bool DeleteClaim { get; set; }
    public string? KraftMetadata { get; set; }
}

internal sealed class KafkaTopicObject : Custom<KafkaTopicSpec>;

internal sealed class KafkaTopicSpec
{
    public int Partitions { get; set; }
    public int Replicas { get; set; }
    public Dictionary<string, string>? Config { get; set; }
}

internal sealed class KafkaUserObject : Custom<KafkaUserSpec>;

internal sealed class KafkaUserSpec
{
    public TypeOf? Authentication { get; set; }
    public KafkaAuthorization? Authorization { get; set; }
}

internal sealed class KafkaAuthorization
{
    public string? Type { get; set; }
    public List<KafkaAcl>? Acls { get; set; }
}

internal sealed class KafkaAcl
{
    public KafkaResource? Resource { get; set; }
    public List<string>? Operations { get; set; }
}

internal sealed class KafkaResource
{
    public string? Type { get; set; }
    public string? Name { get; set; }
    public string? PatternType { get; set; }
}
