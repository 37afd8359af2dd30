"""Runs the interoperability cases against a server: interop_client.py HOST:PORT DESCRIPTOR. One JSON line per case."""
import json
import sys
import traceback

import grpc

from interop_messages import INITIAL_KEY, SERVICE, TRAILING_KEY, UNKNOWN_SERVICE, Messages

REQUEST_BYTES = [27182, 8, 1828, 45904]
RESPONSE_BYTES = [31415, 9, 2653, 58979]
UNICODE_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈, 处方\t\n"
TIME_LIMIT_SECONDS = 20


class Cases:
    def __init__(self, channel, gzip_channel, messages):
        self.m = messages
        self.gzip = gzip_channel
        self.channel = channel

    def _bind(self, kind, name, request, response, service=SERVICE, channel=None):
        return getattr(channel or self.channel, kind)(
            f"/{service}/{name}", request_serializer=request.SerializeToString, response_deserializer=response.FromString)

    def _empty(self, service=SERVICE, name="EmptyCall"):
        return self._bind("unary_unary", name, self.m.Empty, self.m.Empty, service)

    def _unary(self, channel=None):
        return self._bind("unary_unary", "UnaryCall", self.m.SimpleRequest, self.m.SimpleResponse, channel=channel)

    def _input(self, channel=None):
        return self._bind("stream_unary", "StreamingInputCall", self.m.StreamingInputRequest, self.m.StreamingInputResponse, channel=channel)

    def _output(self):
        return self._bind("unary_stream", "StreamingOutputCall", self.m.StreamingOutputRequest, self.m.StreamingOutputResponse)

    def _duplex(self):
        return self._bind("stream_stream", "FullDuplexCall", self.m.StreamingOutputRequest, self.m.StreamingOutputResponse)

    def _payload(self, size):
        return self.m.Payload(body=bytes(size))

    def _ping(self, response_bytes, request_bytes=1, sleep_milliseconds=0):
        return self.m.StreamingOutputRequest(
            response_parameters=[self.m.ResponseParameters(bytes=response_bytes, sleep_milliseconds=sleep_milliseconds)],
            payload=self._payload(request_bytes))

    def empty_unary(self):
        assert self._empty()(self.m.Empty(), timeout=TIME_LIMIT_SECONDS) == self.m.Empty()

    def large_unary(self):
        request = self.m.SimpleRequest(response_bytes=314159, payload=self._payload(271828))
        response = self._unary()(request, timeout=TIME_LIMIT_SECONDS)
        assert response.payload.body == bytes(314159)

    def client_streaming(self):
        requests = (self.m.StreamingInputRequest(payload=self._payload(size)) for size in REQUEST_BYTES)
        response = self._input()(requests, timeout=TIME_LIMIT_SECONDS)
        assert response.aggregated_payload_bytes == sum(REQUEST_BYTES), response

    def server_streaming(self):
        request = self.m.StreamingOutputRequest(
            response_parameters=[self.m.ResponseParameters(bytes=size) for size in RESPONSE_BYTES])
        call = self._output()(request, timeout=TIME_LIMIT_SECONDS)
        assert [len(response.payload.body) for response in call] == RESPONSE_BYTES
        assert call.code() == grpc.StatusCode.OK

    def ping_pong(self):
        pipe = Pipe()
        call = self._duplex()(pipe, timeout=TIME_LIMIT_SECONDS)
        for request_bytes, response_bytes in zip(REQUEST_BYTES, RESPONSE_BYTES):
            pipe.put(self._ping(response_bytes, request_bytes))
            assert len(next(call).payload.body) == response_bytes
        pipe.close()
        assert list(call) == []
        assert call.code() == grpc.StatusCode.OK

    def empty_stream(self):
        call = self._duplex()(iter(()), timeout=TIME_LIMIT_SECONDS)
        assert list(call) == []
        assert call.code() == grpc.StatusCode.OK

    def cancel_after_begin(self):
        pipe = Pipe()
        call = self._input().future(pipe, timeout=TIME_LIMIT_SECONDS)
        call.cancel()
        assert call.code() == grpc.StatusCode.CANCELLED
        pipe.close()

    def cancel_after_first_response(self):
        pipe = Pipe()
        call = self._duplex()(pipe, timeout=TIME_LIMIT_SECONDS)
        pipe.put(self._ping(31415, 27182))
        assert len(next(call).payload.body) == 31415
        call.cancel()
        expect(grpc.StatusCode.CANCELLED, lambda: next(call))
        pipe.close()

    def timeout_on_sleeping_server(self):
        pipe = Pipe()
        call = self._duplex()(pipe, timeout=0.05)
        pipe.put(self._ping(1, 27182, sleep_milliseconds=30_000))
        expect(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(call))
        pipe.close()

    def status_code_and_message(self, message="test status message"):
        status = self.m.EchoStatus(code=2, message=message)
        failure = expect(grpc.StatusCode.UNKNOWN, lambda: self._unary()(self.m.SimpleRequest(response_status=status), timeout=TIME_LIMIT_SECONDS))
        assert failure.details() == message, repr(failure.details())
        call = self._duplex()(iter([self.m.StreamingOutputRequest(response_status=status)]), timeout=TIME_LIMIT_SECONDS)
        failure = expect(grpc.StatusCode.UNKNOWN, lambda: next(call))
        assert failure.details() == message, repr(failure.details())

    def special_status_message(self):
        self.status_code_and_message(UNICODE_MESSAGE)

    def unimplemented_method(self):
        expect(grpc.StatusCode.UNIMPLEMENTED, lambda: self._empty(name="UnimplementedCall")(self.m.Empty(), timeout=TIME_LIMIT_SECONDS))
        expect(grpc.StatusCode.UNIMPLEMENTED, lambda: self._empty(name="NoSuchCall")(self.m.Empty(), timeout=TIME_LIMIT_SECONDS))

    def unimplemented_service(self):
        expect(grpc.StatusCode.UNIMPLEMENTED,
               lambda: self._empty(UNKNOWN_SERVICE, "UnimplementedCall")(self.m.Empty(), timeout=TIME_LIMIT_SECONDS))

    def custom_metadata(self):
        trailing = b"\xab\xab\xab\x00\xff"
        metadata = ((INITIAL_KEY, "test_initial_metadata_value"), (TRAILING_KEY, trailing))
        _, unary = self._unary().with_call(self.m.SimpleRequest(response_bytes=1), metadata=metadata, timeout=TIME_LIMIT_SECONDS)
        assert (INITIAL_KEY, "test_initial_metadata_value") in tuples(unary.initial_metadata())
        assert (TRAILING_KEY, trailing) in tuples(unary.trailing_metadata())
        duplex = self._duplex()(iter([self._ping(1)]), metadata=metadata, timeout=TIME_LIMIT_SECONDS)
        assert len(list(duplex)) == 1
        assert (INITIAL_KEY, "test_initial_metadata_value") in tuples(duplex.initial_metadata())
        assert (TRAILING_KEY, trailing) in tuples(duplex.trailing_metadata())

    def client_compressed_unary(self):
        request = self.m.SimpleRequest(response_bytes=314159, payload=self._payload(271828))
        assert len(self._unary(self.gzip)(request, timeout=TIME_LIMIT_SECONDS).payload.body) == 314159

    def client_compressed_streaming(self):
        requests = (self.m.StreamingInputRequest(payload=self._payload(size)) for size in REQUEST_BYTES)
        assert self._input(self.gzip)(requests, timeout=TIME_LIMIT_SECONDS).aggregated_payload_bytes == sum(REQUEST_BYTES)


class Pipe:
    """An iterator of requests that are put in one by one."""

    def __init__(self):
        import queue
        self._queue = queue.Queue()

    def put(self, request):
        self._queue.put(request)

    def close(self):
        self._queue.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        request = self._queue.get()
        if request is None:
            raise StopIteration
        return request


def tuples(metadata):
    return [(entry[0], entry[1]) for entry in metadata]


def expect(code, call):
    try:
        call()
    except grpc.RpcError as failure:
        assert failure.code() == code, f"{failure.code()} {failure.details()!r}, not {code}"
        return failure
    raise AssertionError(f"no error, not {code}")


def main(address, descriptor_file, names):
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options) as channel, \
            grpc.insecure_channel(address, options, compression=grpc.Compression.Gzip) as gzip_channel:
        cases = Cases(channel, gzip_channel, Messages(descriptor_file))
        for name in names:
            try:
                getattr(cases, name)()
                detail = None
            except Exception:
                detail = traceback.format_exc()
            print(json.dumps({"case": name, "failure": detail}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3].split(","))
