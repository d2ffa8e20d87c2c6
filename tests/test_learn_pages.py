"""Every page of the lesson in a real browser, in both languages."""


def test_the_first_page_opens(open_page):
    page = open_page("index")
    assert page.locator("svg.chart").count() == 1
