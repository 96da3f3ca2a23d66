"""What happens to text before the model sees it."""

from playground.tokenizers import Tokenizer, render_chat


class MistralCausalLMPreprocessor:
    """Makes the token ids that a `MistralCausalLM` reads.

    Args:
        tokenizer: makes ids of text.
        sequence_length: longest sequence, in tokens, unless a call says otherwise.
        add_start_token: whether a prompt begins with the start token; None: as the
            tokenizer was trained.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int = 1024,
        add_start_token: bool | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        if add_start_token is None:
            add_start_token = tokenizer.add_start_token
        self.add_start_token = add_start_token

    def prompt_ids(self, text: str) -> list[int]:
        """The ids of a prompt; special tokens may be written out in it.

        Raises ValueError if the text cannot be encoded.
        """
        if not isinstance(text, str):
            raise ValueError(f"A prompt must be a string, got {type(text).__name__}.")
        ids = self.tokenizer.tokenize(text, special=True)
        start = self.tokenizer.start_token_id
        if self.add_start_token and start is not None and ids[:1] != [start]:
            ids = [start, *ids]
        return ids

    def chat_prompt(self, message: str) -> str:
        """`message` as a person's turn in the model's chat template.

        Raises ValueError if the model has no template or the template fails.
        """
        template = self.tokenizer.chat_template
        if template is None:
            raise ValueError(
                "This model has no chat template. Switch the chat format off."
            )
        return render_chat(
            template,
            [{"role": "user", "content": message}],
            start_token=self._spelling(self.tokenizer.start_token_id),
            end_token=self._spelling(self.tokenizer.end_token_id),
        )

    def _spelling(self, token_id: int | None) -> str:
        return "" if token_id is None else self.tokenizer.id_to_token(token_id)
