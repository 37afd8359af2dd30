"""The test service on grpcio: interop_server.py DESCRIPTOR. Prints its port, serves until its standard input closes."""
import sys
import time
from concurrent import futures

import grpc

from interop_messages import INITIAL_KEY, SERVICE, TRAILING_KEY, Messages


class Service:
    def __init__(self, messages):
        self.m = messages

    def empty(self, request, context):
        echo_metadata(context)
        return self.m.Empty()

    def unary(self, request, context):
        echo_metadata(context)
        abort_if_asked(request, context)
        return self.m.SimpleResponse(payload=self.m.Payload(body=bytes(request.response_bytes)))

    def output(self, request, context):
        abort_if_asked(request, context)
        for parameters in request.response_parameters:
            sleep(parameters.sleep_milliseconds, context)
            yield self.m.StreamingOutputResponse(payload=self.m.Payload(body=bytes(parameters.bytes)))

    def input(self, requests, context):
        return self.m.StreamingInputResponse(aggregated_payload_bytes=sum(len(request.payload.body) for request in requests))

    def duplex(self, requests, context):
        echo_metadata(context)
        for request in requests:
            yield from self.output(request, context)


def sleep(milliseconds, context):
    until = time.monotonic() + milliseconds / 1000
    while context.is_active() and time.monotonic() < until:
        time.sleep(0.01)


def echo_metadata(context):
    for key, value in context.invocation_metadata():
        if key == INITIAL_KEY:
            context.send_initial_metadata(((key, value),))
        elif key == TRAILING_KEY:
            context.set_trailing_metadata(((key, value),))


def abort_if_asked(request, context):
    if request.response_status.code:
        code = next(each for each in grpc.StatusCode if each.value[0] == request.response_status.code)
        context.abort(code, request.response_status.message)


def main(descriptor_file):
    m = Messages(descriptor_file)
    service = Service(m)

    def handler(kind, behaviour, request, response):
        return getattr(grpc, f"{kind}_rpc_method_handler")(
            behaviour, request_deserializer=request.FromString, response_serializer=response.SerializeToString)

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
        "EmptyCall": handler("unary_unary", service.empty, m.Empty, m.Empty),
        "UnaryCall": handler("unary_unary", service.unary, m.SimpleRequest, m.SimpleResponse),
        "StreamingOutputCall": handler("unary_stream", service.output, m.StreamingOutputRequest, m.StreamingOutputResponse),
        "StreamingInputCall": handler("stream_unary", service.input, m.StreamingInputRequest, m.StreamingInputResponse),
        "FullDuplexCall": handler("stream_stream", service.duplex, m.StreamingOutputRequest, m.StreamingOutputResponse),
    }),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main(sys.argv[1])
