"""A hospital on Debian's grpcio: hospital.py HOST:PORT DESCRIPTORS OPERATIONS. Prints the answer to each operation, then one line per case."""
import json
import pathlib
import sys
import traceback

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SERVICE = "claims.v1.Adjudication"
TIME_LIMIT_SECONDS = 20


class Hospital:
    def __init__(self, address, descriptors):
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(descriptors).read_bytes()).file:
            pool.Add(file)
        self.service = pool.FindServiceByName(SERVICE)
        self.factory = message_factory.MessageFactory(pool)
        self.plain = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self.gzip = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)], compression=grpc.Compression.Gzip)

    def message(self, method):
        return self.factory.GetPrototype(self.service.methods_by_name[method].input_type)

    def call(self, method, channel=None):
        described = self.service.methods_by_name[method]
        request, response = (self.factory.GetPrototype(kind) for kind in (described.input_type, described.output_type))
        kind = "stream_stream" if method == "SettleStream" else "unary_unary"
        return getattr(channel or self.plain, kind)(
            f"/{SERVICE}/{method}", request_serializer=request.SerializeToString, response_deserializer=response.FromString)

    def ask(self, method, fields, channel=None):
        return self.call(method, channel)(json_format.ParseDict(fields, self.message(method)()), timeout=TIME_LIMIT_SECONDS)


def as_json(message):
    """As proto3 JSON, but with numbers for int64 and every field that is not a list."""
    fields = {}
    for field in message.DESCRIPTOR.fields:
        if field.label == field.LABEL_REPEATED or (field.has_presence and not message.HasField(field.name)):
            continue
        value = getattr(message, field.name)
        if field.message_type:
            value = as_json(value)
        elif field.enum_type:
            value = field.enum_type.values_by_number[value].name
        fields[field.json_name] = value
    return fields


def visits(prefix):
    """A hundred of ten insured, each insured's ten among the others'."""
    return [{"requestId": f"{prefix}{number:03}", "facilityCode": "H41010000004", "insuredId": f"P{number % 10 + 1:02}",
             "visitDate": f"2025-06-{number // 10 + 1:02}", "visitType": "ORDINARY", "totalFen": 1000 + number, "inScopeFen": 1000 + number}
            for number in range(100)]


def stream_answers_each_visit_in_the_insureds_order_and_a_repeat_alike(hospital):
    sent = [json_format.ParseDict(visit, hospital.message("SettleStream")()) for visit in visits("py")]
    first, again = (list(hospital.call("SettleStream")(iter(sent), timeout=TIME_LIMIT_SECONDS)) for _ in range(2))
    for answers in (first, again):
        for insured in {visit.insured_id for visit in sent}:
            assert [a.request_id for a in answers if a.insured_id == insured] == [v.request_id for v in sent if v.insured_id == insured]
    assert len(first) == len(sent) and not any(answer.replayed for answer in first)
    known = {answer.request_id: (answer.settlement_id, answer.fund_pay_fen) for answer in first}
    assert all(answer.replayed and known[answer.request_id] == (answer.settlement_id, answer.fund_pay_fen) for answer in again)


def stream_that_breaks_leaves_answers_that_are_found_again(hospital):
    visit = visits("pz")[0]
    call = hospital.call("SettleStream")(endless(json_format.ParseDict(visit, hospital.message("SettleStream")())), timeout=TIME_LIMIT_SECONDS)
    answer = next(call)
    call.cancel()
    found = hospital.ask("GetSettlement", {"facilityCode": visit["facilityCode"], "insuredId": visit["insuredId"], "requestId": visit["requestId"]})
    assert found.settlement_id == answer.settlement_id != "", found


def endless(message):
    while True:
        yield message


def status_tells_the_clerk_in_chinese(hospital):
    try:
        hospital.ask("GetAccumulators", {"insuredId": "P01", "year": 12})
        raise AssertionError("no error")
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "请求字段 year 应为四位年份。"), error


def method_of_another_version_is_unimplemented(hospital):
    try:
        hospital.plain.unary_unary(f"/{SERVICE}/SettleTwice")(b"", timeout=TIME_LIMIT_SECONDS)
        raise AssertionError("no error")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def compressed_request_is_answered(hospital):
    assert hospital.ask("GetAccumulators", {"insuredId": "P01", "year": 2025}, hospital.gzip).cap_fen == 30000


CASES = [
    stream_answers_each_visit_in_the_insureds_order_and_a_repeat_alike,
    stream_that_breaks_leaves_answers_that_are_found_again,
    status_tells_the_clerk_in_chinese,
    method_of_another_version_is_unimplemented,
    compressed_request_is_answered,
]


def main():
    address, descriptors, operations = sys.argv[1:]
    hospital = Hospital(address, descriptors)
    for line in pathlib.Path(operations).read_text(encoding="utf-8").splitlines():
        (operation, fields), = json.loads(line).items()
        print(json.dumps({operation: as_json(hospital.ask(operation[0].upper() + operation[1:], fields))}, ensure_ascii=False))
    for case in CASES:
        try:
            case(hospital)
            failure = None
        except Exception:
            failure = traceback.format_exc()
        print(json.dumps({"case": case.__name__, "failure": failure}, ensure_ascii=False))


main()
