"""What is shown, once, and its forms: text of 80 columns, HTML, Markdown, LaTeX. Nothing here knows a fit."""
