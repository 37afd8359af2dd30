namespace Deploy.Tests.Cluster;

/// <summary>Each rule with a manifest that breaks it: a rule that finds nothing wrong there finds nothing at all.</summary>
public sealed class ClusterRuleControlTests
{
    private const string Pod = "template: { metadata: { labels: { app.kubernetes.io/name: ledger } }, spec: ";

    public static TheoryData<string, string, string> Broken => new()
    {
        // An unknown field, a wrong type, an unknown word, of Kubernetes' own and of others.
        { "every object is what a cluster reads", Job("restartPolicy: Never, restartPolcy: Never, containers: []"), "restartPolcy" },
        { "every object is what a cluster reads", Job("restartPolicy: Sometimes, containers: []"), "is 'Sometimes'" },
        { "every object is what a cluster reads", Job("terminationGracePeriodSeconds: soon, containers: []"), "cannot be read" },
        { "every object is what a cluster reads", "{ apiVersion: v1, kind: Sevrice, metadata: { name: x } }", "Sevrice" },
        {
            "every object is what a cluster reads",
            "{ apiVersion: cert-manager.io/v1, kind: Certificate, metadata: { name: x }, spec: { secretNam: x } }", "secretNam"
        },
        {
            "every object is what a cluster reads",
            "{ apiVersion: kafka.strimzi.io/v1, kind: KafkaTopic, metadata: { name: x }, spec: { partitions: many } }", "cannot be read"
        },
        {
            "every object is what a cluster reads",
            "{ apiVersion: postgresql.cnpg.io/v1, kind: ScheduledBackup, metadata: { name: x }, spec: { method: plugged } }", "is 'plugged'"
        },

        {
            "every name leads somewhere",
            Job("volumes: [{ name: v, secret: { secretName: nowhere } }], " + C("volumeMounts: [{ name: v, mountPath: /v }]")),
            "names Secret nowhere"
        },
        {
            "every name leads somewhere",
            Job("volumes: [{ name: v, persistentVolumeClaim: { claimName: nowhere } }], "
                + C("volumeMounts: [{ name: v, mountPath: /v }]")),
            "names PersistentVolumeClaim nowhere"
        },
        {
            "every name leads somewhere",
            Job(C("env: [{ name: A, valueFrom: { configMapKeyRef: { name: nowhere, key: a } } }]")),
            "names ConfigMap nowhere"
        },
        { "every name leads somewhere", Job("priorityClassName: nowhere, " + C("")), "names PriorityClass nowhere" },
        { "every name leads somewhere", Job("serviceAccountName: nowhere, " + C("")), "names ServiceAccount nowhere" },
        { "every name leads somewhere", Job("volumes: [{ name: v, emptyDir: {} }], " + C("")), "has volume v or mounts it" },
        {
            "every name leads somewhere",
            "{ kind: Certificate, metadata: { name: x }, spec: { secretName: s, issuerRef: { kind: Issuer, name: nowhere } } }",
            "names Issuer nowhere"
        },
        {
            "every name leads somewhere",
            "{ kind: HorizontalPodAutoscaler, metadata: { name: x }, spec: { scaleTargetRef: { kind: Deployment, name: nowhere } } }",
            "names Deployment nowhere"
        },
        {
            "every name leads somewhere",
            "{ kind: ScheduledBackup, metadata: { name: x }, spec: { cluster: { name: nowhere } } }",
            "names Cluster nowhere"
        },
        { "every name leads somewhere", "{ kind: Service, metadata: { name: x }, spec: { selector: { app: nobody } } }", "selects no pod" },
        {
            "every name leads somewhere",
            "{ kind: KafkaTopic, metadata: { name: x, labels: { strimzi.io/cluster: nowhere } } }",
            "names Kafka nowhere"
        },

        { "whoever is called is reached", Job(C("env: [{ name: A, value: 'https://nowhere:1' }]")), "there is no such service" },
        {
            "whoever is called is reached",
            Job(C("env: [{ name: A, value: 'https://ledger:1' }]")) + Callee("5103", "ledger"),
            "the service has no such port"
        },
        {
            "whoever is called is reached",
            Job(C("env: [{ name: A, value: 'https://ledger:5103' }]")) + Callee("5103", "ledger")
                + Policy("Ingress", "ledger", "ingress: []"),
            "no policy lets it in"
        },
        {
            "whoever is called is reached",
            Job(C("env: [{ name: A, value: 'https://ledger:5103' }]")) + Callee("5103", "ledger")
                + Policy("Egress", "caller", "egress: []"),
            "no policy lets it out"
        },
        { "whoever is called is reached", Job(C("")) + Policy("Egress", "caller", "egress: []"), "may not ask for names" },

        { "settings are the services'", Ledger("env: [{ name: Claims__Postgress, value: x }]"), "no setting Claims__Postgress" },
        { "settings are the services'", Ledger("env: [{ name: Claims__Port, value: x }]"), "ledger lacks Claims__Postgres" },
        { "variables are made before they are used", Ledger("env: [{ name: A, value: '$(B)' }, { name: B, value: b }]"), "takes $(B)" },
        {
            "ports are those that are opened",
            Ledger("env: [{ name: Claims__Port, value: '1' }], ports: [{ name: grpc, containerPort: 2 }]"),
            "Claims__Port is not port grpc"
        },
        { "ports are those that are opened", Ledger("livenessProbe: { httpGet: { path: /, port: metrcs } }"), "asks port metrcs" },
        {
            "ports are those that are opened",
            Ledger("") + Named("Service", "ledger", "selector: { app.kubernetes.io/name: ledger }, ports: [{ port: 1, targetPort: x }]"),
            "leads to port x"
        },
        { "certificates carry the names that are called", Tls("elsewhere", "claims://service/ledger", "720h"), "lacks the name ledger" },
        {
            "certificates carry the names that are called",
            Tls("ledger", "claims://service/gateway", "720h"),
            "does not say claims://service/ledger"
        },
        { "certificates carry the names that are called", Tls("ledger", "claims://service/ledger", "2000h"), "before half of its time" },
        {
            "clinics call one host",
            Named("Gateway", "g", "listeners: [{ hostname: a, tls: { mode: Terminate } }]") + Named("TLSRoute", "r", "hostnames: [b]"),
            "clinics call a, b"
        },
        {
            "clinics call one host",
            Named("Gateway", "g", "listeners: [{ hostname: a, tls: { mode: Terminate } }]"),
            "takes the clinics' certificates away"
        },
        {
            "calls go round the pods",
            Ledger("env: [{ name: Claims__EligibilityAddress, value: 'https://eligibility:5102' }]")
                + Named("Service", "eligibility", "selector: {}"),
            "leads to one pod"
        },
        {
            "databases are migrated by jobs of their owner",
            Ledger("env: [{ name: Claims__PostgresOwner, value: x }]"),
            "ledger has the owner's login"
        },
        { "databases are migrated by jobs of their owner", Ledger(""), "nobody migrates ledger" },
        {
            "services are scraped",
            Ledger("ports: [{ name: metrics, containerPort: 5113 }], env: [{ name: Claims__MetricsPort, value: '5113' }]"),
            "ledger is not scraped"
        },

        { "pods are confined", Ledger(""), "ledger may run as root" },
        { "pods are confined", Ledger("securityContext: { capabilities: { drop: [KILL] } }"), "keeps capabilities" },
        { "pods are confined", Ledger("resources: { limits: { memory: 1Gi } }"), "is not bounded" },
        { "images do not change", Ledger(""), "may be another one tomorrow" },
        { "pods are spread out", Ledger(""), "is not spread over zones" },
        {
            "autoscalers keep the number of pods",
            Named("HorizontalPodAutoscaler", "x", "minReplicas: 1, scaleTargetRef: { kind: Deployment, name: d }")
                + Named("Deployment", "d", "replicas: 3"),
            "has replicas of its own"
        },
        {
            "autoscalers keep the number of pods",
            Named("HorizontalPodAutoscaler", "x", "minReplicas: 1, scaleTargetRef: { kind: Deployment, name: d }"),
            "lets a single pod stand"
        },
        {
            "the namespace is restricted",
            "{ kind: Namespace, metadata: { name: x, labels: { pod-security.kubernetes.io/enforce: restricted } } }",
            "enforce is not restricted, of a version"
        },

        { "the topic has a partition a shard", Named("KafkaTopic", "claims.settled.v1", "partitions: 31"), "has not a partition a shard" },
        { "the topic has a partition a shard", Named("KafkaTopic", "claims.settled.v2", "partitions: 32"), "is not claims.settled.v1" },
        {
            "the topic has a partition a shard",
            Ledger("env: [{ name: Claims__Kafka__sasl_username, value: u }]"),
            "has not the password of u"
        },
        { "databases have the services' logins", Ledger("env: [{ name: Claims__Postgres, value: Host=x-rw }]"), "is no cluster's" },
        { "databases have the services' logins", Database("claims_ledgr", "ledger_service", "VerifyFull"), "does not make claims_ledger" },
        { "databases have the services' logins", Database("claims_ledger", "ledger_owner", "VerifyFull"), "is not nobody" },
        { "databases have the services' logins", Database("claims_ledger", "ledger_service", "Require"), "takes whoever answers" },
        { "databases are backed up", Named("Cluster", "ledger-db", "instances: 1"), "is not backed up every night" },
        { "databases are backed up", Named("Cluster", "ledger-db", "instances: 1"), "keeps its WAL nowhere" },
        { "Redis keeps what was answered", RedisSet("2", "Retain", "2gb"), "is not one master" },
        { "Redis keeps what was answered", RedisSet("1", "Delete", "2gb"), "loses its volume" },
        { "Redis keeps what was answered", RedisSet("1", "Retain", "3gb"), "more memory than there is" },
    };

    [Theory, MemberData(nameof(Broken))]
    public void Manifest_that_breaks_a_rule_is_noticed(string rule, string manifest, string told) =>
        Assert.Contains(ClusterTests.Rules[rule](Manifests.Parse(manifest)), problem => problem.Contains(told, StringComparison.Ordinal));

    [Fact]
    public void Every_rule_has_a_manifest_that_breaks_it() => Assert.Equal(
        ClusterTests.Rules.Keys.Order(StringComparer.Ordinal),
        Broken.Select(row => (string)row[0]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));

    private static string C(string container) => $"containers: [{{ name: c, image: claims/none{Comma(container)} }}]";

    private static string Comma(string more) => more.Length == 0 ? "" : $", {more}";

    private static string Named(string kind, string name, string spec) =>
        $"\n---\n{{ kind: {kind}, metadata: {{ name: {name} }}, spec: {{ {spec} }} }}";

    private static string Job(string pod) => "{ apiVersion: batch/v1, kind: Job, metadata: { name: caller }, spec: { template: "
        + $"{{ metadata: {{ labels: {{ app.kubernetes.io/name: caller }} }}, spec: {{ {pod} }} }} }} }}";

    private static string Ledger(string container) => Named("Deployment", "ledger",
        $"{Pod}{{ containers: [{{ name: ledger, image: claims/ledger{Comma(container)} }}] }} }}");

    private static string Callee(string port, string name) =>
        Ledger($"ports: [{{ name: grpc, containerPort: {port} }}]")
        + Named("Service", name, $"selector: {{ app.kubernetes.io/name: ledger }}, ports: [{{ port: {port}, targetPort: grpc }}]");

    private static string Policy(string type, string pods, string rules) => Named("NetworkPolicy", $"p-{type}",
        $"podSelector: {{ matchLabels: {{ app.kubernetes.io/name: {pods} }} }}, policyTypes: [{type}], {rules}");

    private static string Tls(string name, string uri, string before) => Named("Deployment", "ledger",
            $"{Pod}{{ volumes: [{{ name: tls, secret: {{ secretName: t }} }}], {C("")} }} }}")
        + Named("Service", "ledger", "selector: { app.kubernetes.io/name: ledger }, ports: []")
        + Named("Certificate", "c", $"secretName: t, dnsNames: [{name}], uris: ['{uri}'], usages: [server auth, client auth], "
            + $"duration: 2160h, renewBefore: {before}, privateKey: {{ rotationPolicy: Always }}");

    private static string Database(string role, string login, string ssl) =>
        Ledger("env: [{ name: POSTGRES_PASSWORD, valueFrom: { secretKeyRef: { name: s, key: password } } }, { name: Claims__Postgres, "
            + $"value: 'Host=ledger-db-rw;Database=ledger;Username={login};SSL Mode={ssl}' }}]")
        + Named("Cluster", "ledger-db", "bootstrap: { initdb: { database: ledger, owner: ledger_owner, postInitApplicationSQL: "
            + $"[CREATE ROLE {role} NOLOGIN, GRANT {role} TO ledger_owner] }} }}, managed: {{ roles: [{{ name: ledger_service, "
            + $"inRoles: [{role}], passwordSecret: {{ name: s }} }}] }}");

    private static string RedisSet(string replicas, string kept, string most) => Named("StatefulSet", "redis",
        $"replicas: {replicas}, persistentVolumeClaimRetentionPolicy: {{ whenDeleted: {kept} }}, template: {{ spec: {{ containers: [{{ "
        + $"args: [redis-server, /conf/redis.conf, --maxmemory, {most}], resources: {{ limits: {{ memory: 3Gi }} }} }}] }} }}");
}
