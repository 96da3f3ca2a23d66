"""The browser tabs that have asked for something: which one left, who holds memory."""

import threading
from collections import OrderedDict
from weakref import WeakValueDictionary

from playground.interface.explorer import Explorer
from playground.system import free_memory
from playground.web.tab import Tab

MAX_READ = 8
"""Tabs whose text stays read, at up to 320 MB each; one while memory is scarce. That of
an older one is read once more."""


class OpenTabs:
    """The tabs by the names that Gradio gives them, its session hashes."""

    def __init__(self) -> None:
        self._tabs: WeakValueDictionary[str, Tab] = WeakValueDictionary()
        self._read: OrderedDict[int, Explorer] = OrderedDict()
        self._changing = threading.Lock()

    def use(self, name: str | None, tab: Tab) -> None:
        """Tab `name` is about to do what has to end when it leaves."""
        self._tabs[str(name)] = tab

    def has_read(self, explorer: Explorer) -> None:
        """`explorer` answered; if too many hold a text now, the oldest lets go."""
        with self._changing:
            self._read.pop(id(explorer), None)
            if explorer.holds_text:
                self._read[id(explorer)] = explorer
            most = 1 if free_memory.is_scarce() else MAX_READ
            too_many = len(self._read) - most
            oldest = [self._read.popitem(last=False)[1] for _ in range(too_many)]
        for each in oldest:
            each.forget()

    def leave(self, name: str | None) -> None:
        """Tab `name` was closed, or its connection was lost: free the model."""
        if (tab := self._tabs.get(str(name))) is None:
            return
        tab.leave()
        for explorer in tab.explorers:
            self.has_read(explorer)
