"""A hospital's day on grpcio: hospital.py [ADJUDICATION [GATEWAY [FACILITY [INSURED [VISIT_DATE [CONTRACT]]]]]]

CONTRACT is the contract as descriptors, which any version of protobuf reads:
    protoc -I protos --descriptor_set_out=contract.pb claims/v1/adjudication.proto
"""
import datetime
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

DEFAULTS = ["127.0.0.1:5101", "http://127.0.0.1:5104", "H41010500001", "P0000001", "2025-06-18", "contract.pb"]
ADJUDICATION, GATEWAY, FACILITY, INSURED, VISIT_DATE, CONTRACT = sys.argv[1:] + DEFAULTS[len(sys.argv) - 1:]
SERVICE = "claims.v1.Adjudication"
ANSWER_SECONDS = 10
CHINA = datetime.timezone(datetime.timedelta(hours=8))
# A request id is used once, for ever: this run's begin with the time.
RUN = f"P{int(time.time() * 1000):x}"


def methods(channel):
    """The calls of the contract, by name. With mutual TLS the channel is grpc.secure_channel, and nothing else changes."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(CONTRACT).read_bytes()).file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    calls, requests = {}, {}
    for name, method in pool.FindServiceByName(SERVICE).methods_by_name.items():
        request, reply = factory.GetPrototype(method.input_type), factory.GetPrototype(method.output_type)
        kind = channel.stream_stream if name.endswith("Stream") else channel.unary_unary
        calls[name] = kind(f"/{SERVICE}/{name}", request_serializer=request.SerializeToString, response_deserializer=reply.FromString)
        requests[name] = request
    return calls, requests


def main():
    with grpc.insecure_channel(ADJUDICATION, options=[("grpc.enable_http_proxy", 0)]) as channel:
        calls, requests = methods(channel)

        def ask(name, **fields):
            request = json_format.ParseDict({"facilityCode": FACILITY, "insuredId": INSURED, **fields}, requests[name]())
            return calls[name](request, timeout=ANSWER_SECONDS)

        def visit(number, total_fen):
            """Kept word for word until its answer is in: after a broken line the same request goes out again."""
            return {"requestId": f"{RUN}-{number}", "visitDate": VISIT_DATE, "visitType": "ORDINARY", "totalFen": total_fen,
                    "inScopeFen": total_fen}

        def streamed(visits):
            for fields in visits:
                yield json_format.ParseDict({"facilityCode": FACILITY, "insuredId": INSURED, **fields}, requests["SettleStream"]())

        books = []

        def enter(reply):
            """What was answered is what stands in the hospital's own books."""
            cancels = name_of(reply, "decision") == "CANCELLED"
            books.append({"kind": "CANCEL" if cancels else "SETTLE", "settlementId": reply.settlement_id, "requestId": reply.request_id,
                          "insuredId": reply.insured_id, "visitType": name_of(reply, "visit_type"),
                          "totalFen": str(reply.total_fen), "fundPayFen": str(reply.fund_pay_fen)})

        # 1. One visit. A refusal is an answer too: reason_text is for the cashier.
        first = ask("Settle", **visit(1, 12000))
        enter(first)
        print("settle", name_of(first, "decision"), first.total_fen, first.fund_pay_fen)

        # 2. Many over one stream: answers come as they are ready, those of one insured in order.
        replies = list(calls["SettleStream"](streamed(visit(number, 3000) for number in (2, 3, 4)), timeout=ANSWER_SECONDS))
        for reply in replies:
            enter(reply)
        print("stream", *(name_of(reply, "decision") for reply in replies))

        # 3. The line breaks before the answer: nothing is known, so the same request again, under the same request_id.
        broken = calls["SettleStream"](streamed([visit(5, 4000)]), timeout=ANSWER_SECONDS)
        broken.cancel()
        found, again = ask("Settle", **visit(5, 4000)), ask("Settle", **visit(5, 4000))
        enter(found)
        print("repeat", name_of(again, "decision"), "replayed" if again.replayed else "anew",
              "same" if again.settlement_id == found.settlement_id else "other")

        # 4. The patient gives the visit back: a cancellation mirrors the settlement.
        cancelled = ask("Cancel", requestId=f"{RUN}-6", settlementId=found.settlement_id)
        enter(cancelled)
        print("cancel", name_of(cancelled, "decision"), cancelled.total_fen)

        # 5. No answer, and the patient is gone: undo whatever the request has done. The books have neither of the two.
        ask("Settle", **visit(7, 5000))
        print("reverse", name_of(ask("Reverse", requestId=f"{RUN}-8", originalRequestId=f"{RUN}-7"), "outcome"))
    reconcile(books)


def reconcile(books):
    """In earnest once, after midnight, for the day before. Here the books may be a moment behind the last answer."""
    today = datetime.datetime.now(CHINA).date().isoformat()
    scope = {"facilityCode": FACILITY, "period": {"from": today, "to": today}}
    totals = {"count": sum(-1 if line["kind"] == "CANCEL" else 1 for line in books),
              "totalFen": sum(int(line["totalFen"]) for line in books), "fundPayFen": sum(int(line["fundPayFen"]) for line in books)}
    deadline = time.monotonic() + 30
    while True:
        try:
            outcome = post("reconcile-totals", {**scope, "figures": [{"totals": totals}]})["outcome"]
        except urllib.error.HTTPError as error:
            # Until its first settlement is booked, the books do not know the facility.
            if error.code != 404 or time.monotonic() > deadline:
                raise
            outcome = ""
        if outcome == "BALANCED" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    print("totals", outcome)
    # Totals balance too while a visit and its cancellation are both still on their way: only the lines tell that all is booked.
    compared = post("reconcile-lines", {"scope": scope, "lines": books})
    while not compared["summary"]["reconciled"] and time.monotonic() < deadline:
        time.sleep(0.2)
        compared = post("reconcile-lines", {"scope": scope, "lines": books})
    for difference in compared["differences"]:
        print(difference["causeText"], difference["actionText"])
    print("lines", "reconciled" if compared["summary"]["reconciled"] else "differ")


def post(path, body):
    request = urllib.request.Request(f"{GATEWAY}/v1/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
        return json.load(answer)


def name_of(message, field):
    return message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(message, field)].name


main()
