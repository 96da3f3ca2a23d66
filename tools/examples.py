"""The stored answers of the page's examples; `python -m tools.examples` writes them."""

import json

from playground.interface.examples import MAX_NEW_TOKENS, PRESETS, SEED
from playground.interface.form import examples_for
from playground.interface.spans import spans_value
from playground.presets import DEFAULT_PRESET
from playground.session import Session, start_engine
from playground.settings import GenerationSettings
from tools.written_with import written_with


def main() -> None:
    """Write the file of each model that has one."""
    for preset, file in PRESETS.items():
        engine = start_engine(preset, warm_length=0)
        answers = write_answers(Session(engine, record=True), preset)
        file.write_text(answers, encoding="utf-8")
        print(f"Wrote {file.name}")
        engine.close()


def write_answers(session: Session, preset: str = DEFAULT_PRESET) -> str:
    """The file's text, from runs on the session's model, which is this preset.

    Beside the answers stands what they were written with.
    """
    stored = []
    for example in examples_for(preset):
        settings = GenerationSettings(
            chat=example.chat, seed=SEED, max_new_tokens=MAX_NEW_TOKENS
        )
        list(session.generate(example.prompt, settings))
        run = session.transcript
        assert run is not None
        stored.append({"run": run.to_json(), "spans": spans_value(session)})
    whole = {"written_with": written_with(preset), "answers": stored}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
