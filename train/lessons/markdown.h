// Turns the Markdown of the lessons into HTML: headings, paragraphs, lists, tables, fenced code, `code`, **bold**,
// *italic*, [links](path), and <details> with <summary> on lines of their own. All other markup is escaped.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace headlight::lessons {

// Text with the characters that are special in HTML escaped.
std::string html_escaped(std::string_view text);

struct MarkdownOptions {
  int heading = 2;  // the level of "# ": 2 makes it <h2>
  // Maps the address of a link to its address in the HTML; empty: addresses stay unchanged.
  std::function<std::string(std::string_view)> address = {};
  // Returns the HTML that replaces a placeholder: text between the characters 0x01 and 0x02.
  std::function<std::string(std::string_view)> placeholder = {};
};
std::string markdown_to_html(std::string_view text, const MarkdownOptions& options);

}  // namespace headlight::lessons
