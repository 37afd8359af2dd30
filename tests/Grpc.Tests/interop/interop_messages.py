"""The test service's messages and cases, for Debian's grpcio. The descriptor comes as a file: no generated Python."""
import pathlib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "claims.grpctest.v1.TestService"
UNKNOWN_SERVICE = "claims.grpctest.v1.UnimplementedService"
INITIAL_KEY = "x-grpc-test-echo-initial"
TRAILING_KEY = "x-grpc-test-echo-trailing-bin"


class Messages:
    def __init__(self, descriptor_file):
        pool = descriptor_pool.DescriptorPool()
        proto = descriptor_pb2.FileDescriptorProto.FromString(pathlib.Path(descriptor_file).read_bytes())
        pool.Add(proto)
        factory = message_factory.MessageFactory(pool)
        for message in proto.message_type:
            full_name = f"{proto.package}.{message.name}"
            setattr(self, message.name, factory.GetPrototype(pool.FindMessageTypeByName(full_name)))
