"""A contender's process without a model: `fake_contender.py NAME WEIGHTS PRECISION`.

The name says how it behaves; numbers grow with each answer, so that medians are known.
"""

import json
import sys
import time

NAME = sys.argv[1]
print("libraries may say what they like", file=sys.stderr)
if NAME == "llama_cpp":
    sys.exit("ModuleNotFoundError: No module named 'llama_cpp'")

for count, line in enumerate(sys.stdin, start=1):
    question = json.loads(line)
    measure, arguments = question["measure"], question["arguments"]
    answer = {"figures": {"tokens_per_second": 10.0 * count, "token_ids": [1, 2]}}
    if measure == "versions":
        answer = {"figures": {NAME: "1.0"}}
    elif arguments.get("behave") == "fail":
        answer = {"error": "ValueError: no | such\nthing"}
    elif arguments.get("behave") == "decline":
        answer = {"not_applicable": True}
    elif arguments.get("behave") == "die":
        sys.exit("Killed in the middle")
    elif arguments.get("behave") == "hang":
        time.sleep(60)
    elif measure == "first_token":
        seconds = time.time() - arguments["started"]
        answer = {"figures": {"seconds": seconds, "processes": count}}
    print(json.dumps(answer), flush=True)
