"""How the page looks: theme, style sheet and the options that `launch` takes."""

from typing import Any

import gradio as gr

from playground.system.asset_folder import asset_folder


def read_asset(name: str) -> str:
    """The text of a file in assets/."""
    return (asset_folder() / name).read_text(encoding="utf-8")


_COLOURS = {
    "body_background_fill": ("*neutral_50", "*neutral_950"),
    "body_text_color": ("*neutral_800", "*neutral_200"),
    "body_text_color_subdued": ("*neutral_500", "*neutral_400"),
    "background_fill_primary": ("white", "*neutral_900"),
    "block_background_fill": ("transparent", "transparent"),
    "block_border_width": ("0px", "0px"),
    "block_shadow": ("none", "none"),
    "block_title_text_color": ("*body_text_color", "*body_text_color"),
    "block_info_text_color": ("*body_text_color_subdued", "*body_text_color_subdued"),
    "input_background_fill": ("white", "*neutral_900"),
    "input_background_fill_focus": ("white", "*neutral_900"),
    "input_border_width": ("1px", "1px"),
    "input_border_color": ("*neutral_300", "*neutral_700"),
    "input_border_color_focus": ("*primary_500", "*primary_400"),
    "input_placeholder_color": ("*neutral_500", "*neutral_400"),
    "input_shadow": ("none", "none"),
    "button_primary_background_fill": ("*primary_600", "*primary_600"),
    "button_primary_background_fill_hover": ("*primary_700", "*primary_700"),
    "button_primary_border_color": ("*primary_600", "*primary_600"),
    "button_primary_text_color": ("white", "white"),
    "button_secondary_background_fill": ("white", "*neutral_900"),
    "button_secondary_background_fill_hover": ("*neutral_100", "*neutral_800"),
    "button_secondary_border_color": ("*neutral_300", "*neutral_700"),
    "button_secondary_text_color": ("*neutral_700", "*neutral_200"),
    "slider_color": ("*primary_600", "*primary_400"),
    "checkbox_background_color_selected": ("*primary_600", "*primary_500"),
    "checkbox_border_color_selected": ("*primary_600", "*primary_500"),
}
"""In the light and in the dark."""

# Only fonts that the machine has: the page loads nothing from elsewhere.
THEME = gr.themes.Base(
    primary_hue="indigo",
    secondary_hue="amber",
    neutral_hue="slate",
    radius_size="md",
    font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
    font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
).set(
    block_padding="0px",
    block_title_text_weight="600",
    block_title_text_size="*text_sm",
    block_info_text_size="*text_sm",
    button_border_width="1px",
    **{name: light for name, (light, _) in _COLOURS.items()},
    **{f"{name}_dark": dark for name, (_, dark) in _COLOURS.items()},
)

LAUNCH: dict[str, Any] = {
    "theme": THEME,
    "css": read_asset("style.css"),
    "favicon_path": str(asset_folder() / "logo.svg"),
    "ssr_mode": False,
    "show_error": True,
    "run_history": False,
    "enable_monitoring": False,
    "footer_links": ["api", "settings"],
    "state_session_capacity": 200,
    "max_file_size": "16mb",  # of a saved run
    "max_threads": 200,  # one for each run and question, those in line too
}
