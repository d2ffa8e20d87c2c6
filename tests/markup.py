"""HTML as the tests read it: elements, text, and every tag that does not balance."""

from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Document(HTMLParser):
    """What a page holds: its elements in order, its text, and every tag that does not balance."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.faults, self.text = [], [], [], []
        self.feed(text)
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        if len({key for key, _ in attributes}) < len(attributes):
            self.faults.append(f"<{tag}> repeats an attribute at {self.getpos()}")
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else at {self.getpos()}")

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag, key):
        return [attributes[key] for name, attributes in self.elements if name == tag and key in attributes]

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    def of_class(self, name):
        return [attributes for _, attributes in self.elements if name in attributes.get("class", "").split()]
