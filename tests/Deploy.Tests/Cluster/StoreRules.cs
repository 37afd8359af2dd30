using Claims.Adjudication;
using Claims.Kafka;

namespace Deploy.Tests.Cluster;

/// <summary>The stores are what docs/operations.md says that they must be.</summary>
internal static class StoreRules
{
    public static IEnumerable<string> Topic(Manifests manifests)
    {
        foreach (Manifest topic in manifests.Of("KafkaTopic"))
        {
            if (topic.Name != ClaimsTopic.Name) yield return $"{topic} is not {ClaimsTopic.Name}";
            if (topic.Body["spec"]["partitions"].Text != $"{new AdjudicationSettings().Shards}")
                yield return $"{topic} has not a partition a shard";
        }

        foreach (Yaml resource in manifests.Of("KafkaUser")
            .SelectMany(user => user.Body["spec"]["authorization"]["acls"].Items).Select(acl => acl["resource"]))
        {
            if (resource["name"].Text != ClaimsTopic.Name) yield return $"{resource} is not {ClaimsTopic.Name}";
        }

        foreach (Workload workload in manifests.Workloads)
        {
            if (workload.Value("Claims__Kafka__sasl_username") is { } login
                && workload.Env.All(variable => variable["name"].Text != "Claims__Kafka__sasl_password"
                    || variable["valueFrom"]["secretKeyRef"]["name"].Text != login))
                yield return $"{workload.Name} has not the password of {login}";
        }
    }

    /// <summary>Logins, databases and roles in the services' strings are those that the clusters make.</summary>
    public static IEnumerable<string> Databases(Manifests manifests)
    {
        foreach (Workload workload in manifests.Workloads)
        {
            foreach (string variable in (string[])["Claims__Postgres", "Claims__PostgresOwner"])
            {
                if (workload.Value(variable) is not { } text) continue;
                Dictionary<string, string> parts = text.Split(';').Select(part => part.Split('=', 2))
                    .ToDictionary(part => part[0], part => part[1], StringComparer.Ordinal);
                if (manifests.Find("Cluster", parts["Host"].Replace("-rw", "", StringComparison.Ordinal)) is not { } cluster)
                {
                    yield return $"{workload.Name}: {parts["Host"]} is no cluster's";
                    continue;
                }

                Yaml initdb = cluster.Body["spec"]["bootstrap"]["initdb"];
                Yaml? role = cluster.Body["spec"]["managed"]["roles"].Items
                    .FirstOrDefault(role => role["name"].Text == parts["Username"]);
                string secret = workload.Env.Single(item => item["name"].Text == "POSTGRES_PASSWORD")
                    ["valueFrom"]["secretKeyRef"]["name"].Text;
                bool owner = variable == "Claims__PostgresOwner";
                string owned = owner ? $"{cluster.Name}-app" : role?["passwordSecret"]["name"].Text ?? "nobody";
                string expected = owner ? initdb["owner"].Text : role?["name"].Text ?? "nobody";
                if (parts["Username"] != expected || secret != owned)
                    yield return $"{workload.Name} is not {expected} with the password in {owned}";
                if (parts["Database"] != initdb["database"].Text)
                    yield return $"{workload.Name} asks for database {parts["Database"]}";
                if (parts["SSL Mode"] != "VerifyFull") yield return $"{workload.Name} takes whoever answers for PostgreSQL";
            }
        }

        foreach (Manifest cluster in manifests.Of("Cluster"))
        {
            string service = cluster.Name.Replace("-db", "", StringComparison.Ordinal);
            // As its migrations make it where nobody has.
            string role = "claims_" + service;
            Yaml spec = cluster.Body["spec"];
            string[] sql = [.. spec["bootstrap"]["initdb"]["postInitApplicationSQL"].Items.Select(statement => statement.Text)];
            if (!sql.SequenceEqual([$"CREATE ROLE {role} NOLOGIN", $"GRANT {role} TO {spec["bootstrap"]["initdb"]["owner"].Text}"]))
                yield return $"{cluster} does not make {role}";
            if (!spec["managed"]["roles"].Items.Any(login => login["name"].Text == $"{service}_service"
                && login["inRoles"].Items.Select(item => item.Text).SequenceEqual([role])))
                yield return $"{cluster} has no login for {role} alone";
        }
    }

    /// <summary>Each database has its WAL archived and a base backup a night.</summary>
    public static IEnumerable<string> Backups(Manifests manifests)
    {
        foreach (Manifest cluster in manifests.Of("Cluster"))
        {
            Yaml[] plugins = [.. (cluster.Body["spec"].Find("plugins")?.Items ?? [])
                .Where(plugin => plugin["isWALArchiver"].Text == "true")];
            if (plugins.Length != 1) yield return $"{cluster} keeps its WAL nowhere";
            if (!manifests.Of("ScheduledBackup").Any(backup => backup.Body["spec"]["cluster"]["name"].Text == cluster.Name
                && backup.Body["spec"]["schedule"].Text.Split(' ') is [_, _, _, "*", "*", "*"]
                && backup.Body["spec"]["pluginConfiguration"]["name"].Text == plugins.FirstOrDefault()?["name"].Text))
                yield return $"{cluster} is not backed up every night";
        }
    }

    /// <summary>One master, whose volume stays, and whose memory ends below the container's.</summary>
    public static IEnumerable<string> Redis(Manifests manifests)
    {
        foreach (Manifest set in manifests.Of("StatefulSet").Where(set => set.Name == "redis"))
        {
            Yaml spec = set.Body["spec"];
            if (spec["replicas"].Text != "1") yield return $"{set} is not one master";
            if (spec["persistentVolumeClaimRetentionPolicy"].Children.Any(policy => policy.Value.Text != "Retain"))
                yield return $"{set} loses its volume";
            Yaml container = spec["template"]["spec"]["containers"].Items.Single();
            string[] arguments = [.. container["args"].Items.Select(argument => argument.Text)];
            long memory = Gibibytes(container["resources"]["limits"]["memory"].Text);
            if (arguments is not ["redis-server", "/conf/redis.conf", "--maxmemory", var most] || Gibibytes(most) * 4 > memory * 3.2)
                yield return $"{set} may take more memory than there is";
        }

        static long Gibibytes(string text) => long.Parse(
            text.Replace("Gi", "", StringComparison.Ordinal).Replace("gb", "", StringComparison.Ordinal),
            System.Globalization.CultureInfo.InvariantCulture);
    }
}
