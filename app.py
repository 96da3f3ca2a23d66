"""Opens the page: `python app.py`, on this machine or as a Hugging Face Space.

The variables that it reads are in playground/web/program.py and the README.
"""

from playground.interface import self_check

if __name__ == "__main__":  # before what may be missing is imported
    self_check.check_start()

import gradio as gr

from playground.web.program import Program

if gr.NO_RELOAD:  # the model survives the hot reload of `gradio app.py`
    program = Program.from_environment()
    engine = program.start(program.preset)
demo = program.build(engine)

if __name__ == "__main__":
    program.serve(demo, engine)
