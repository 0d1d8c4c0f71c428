"""The screen in a terminal (Textual): draws the conversation and hands it every key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from approvals.screen.card import Line, card, cut, fits, text_of
from approvals.screen.modes import PAGES, TYPED, Mode
from approvals.screen.talk import LONGEST_REASON, Talk
from quarantine.errors import QuarantineError
from quarantine.safe import safe

_STYLES: Final = {
    "": "",
    "strong": "bold",
    "quiet": "dim",
    "bad": "bold red",
    "warn": "bold yellow",
    "good": "green",
    "bar": "cyan",
}
"""The terminal's own sixteen colours, which fit its own background, light or dark."""

_SCROLL: Final = frozenset({"up", "down", "pageup", "pagedown", "home", "end"})


class Typed(Input):
    """A line that is typed or pasted; whatever is pasted, only letters are shown."""

    def validate_value(self, value: str) -> str:
        """Make what was pasted visible before it is drawn."""
        return safe(value, LONGEST_REASON)


class Screen(App[bool]):
    """A review in a terminal of any size; returns whether what is staged is to be signed."""

    CSS: ClassVar[str] = """
    * { background: ansi_default; color: ansi_default; }
    #progress { height: 1; }
    #card { height: 1fr; }
    #page { height: 1fr; display: none; }
    #message { height: 1; }
    #asks { height: 1; }
    #typed { height: 1; display: none; border: none; padding: 0; }
    """
    ENABLE_COMMAND_PALETTE = False
    TITLE = "quarantine review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(self, talk: Talk, who: str) -> None:
        """Show `talk`; `who` is the reviewer's name, safe to show."""
        super().__init__(ansi_color=True)
        self.talk = talk
        self.who = who
        self.failed: QuarantineError | None = None

    def compose(self) -> ComposeResult:
        """Lay out the few lines: progress, the card or a page over it, a message, the keys."""
        yield Static(id="progress")
        yield Static(id="card")
        with VerticalScroll(id="page"):
            yield Static(id="lines")
        yield Static(id="message")
        yield Static(id="asks")
        yield Typed(id="typed")

    def on_mount(self) -> None:
        """Draw the first case."""
        self.theme = "ansi-dark"
        self.set_focus(None)
        self._after(lambda: None)

    def on_resize(self) -> None:
        """Draw anew for another size, once it is known."""
        self.call_after_refresh(self._after, lambda: None)

    def on_key(self, event: events.Key) -> None:
        """Hand a key to the conversation, and draw what came of it."""
        if self.talk.mode in TYPED and event.key != "escape":
            return
        if self.talk.mode in PAGES and event.key in _SCROLL:
            return
        event.stop()
        event.prevent_default()
        key = event.character if event.is_printable and event.character else event.key
        self._after(lambda: self.talk.press(key))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand over the line that was typed."""
        self._after(lambda: self.talk.answer(event.value))

    def action_leave(self) -> None:
        """Ask what becomes of what is staged, as `q` does."""
        self._after(lambda: self.talk.press("escape"))
        self._after(lambda: self.talk.press("q"))

    def draw(self) -> None:
        """Draw everything; a few milliseconds, whatever the number of cases."""
        if self.talk.mode is Mode.GONE:
            self.exit(self.talk.signs)
            return
        width = self.size.width
        self._put("progress", f"review · {self.who} · {self.talk.progress()}", "reverse")
        self._put("message", self.talk.message, "bold")
        self._put("asks", self.talk.asks(), "dim")
        self._page()
        self._typed()
        if self.talk.mode not in PAGES:
            self.query_one("#card", Static).update(_text(self._card(), width))
            self.talk.shown()

    def _after(self, act: Callable[[], None]) -> None:
        """Do something and draw what came of it; an error ends the review, with nothing signed."""
        try:
            act()
            self.draw()
        except QuarantineError as error:
            self.failed = error
            self.exit(result=False)

    def _card(self) -> Sequence[Line]:
        face = self.talk.sitting.face
        if face is None:
            ended = self.talk.ended()
            return [(("", ""),), (("This is the end of the queue. ", "strong"), (ended, ""))]
        self.talk.fits = fits(self.size.height)
        first, samples = self.talk.samples
        return card(face, samples, first, width=self.size.width, height=self.size.height)

    def _page(self) -> None:
        is_page = self.talk.mode in PAGES
        page = self.query_one("#page", VerticalScroll)
        page.display = is_page
        self.query_one("#card", Static).display = not is_page
        if is_page:
            self.query_one("#lines", Static).update(Text("\n".join(self.talk.page())))
            page.focus()

    def _typed(self) -> None:
        typed = self.query_one("#typed", Input)
        is_typed = self.talk.mode in TYPED
        if is_typed and not typed.display:
            typed.value = ""
            typed.display = True
            typed.focus()
        elif not is_typed and typed.display:
            typed.display = False
            self.set_focus(None)

    def _put(self, where: str, text: str, style: str) -> None:
        width = self.size.width
        line = text_of(cut(((text, ""),), width)).ljust(width)
        self.query_one(f"#{where}", Static).update(Text(line, style=style, no_wrap=True))


def _text(lines: Sequence[Line], width: int) -> Text:
    text = Text(no_wrap=True)
    for line in lines:
        for part, style in cut(line, width):
            text.append(part, style=_STYLES[style])
        text.append("\n")
    return text
