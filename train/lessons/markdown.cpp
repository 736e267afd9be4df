// Turns the Markdown of the lessons into HTML, line by line.
#include "lessons/markdown.h"

#include <cctype>
#include <vector>

#include "headlight/base/text.h"

namespace headlight::lessons {

namespace {

constexpr char kOpen = '\x01', kClose = '\x02';  // around a placeholder

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  return line;
}

bool is_number_item(std::string_view line) {
  std::size_t digits = 0;
  while (digits < line.size() && line[digits] >= '0' && line[digits] <= '9') ++digits;
  return digits > 0 && line.substr(digits).starts_with(". ");
}

class Converter {
 public:
  Converter(std::string_view text, const MarkdownOptions& options) : options_(options) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      lines_.push_back(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }

  std::string html() {
    while (at_ < lines_.size()) block();
    return std::move(out_);
  }

 private:
  std::string_view line() const { return at_ < lines_.size() ? lines_[at_] : std::string_view{}; }

  void block() {
    const std::string_view now = trimmed(line());
    if (now.empty()) ++at_;
    else if (now.starts_with("```")) fenced();
    else if (now.starts_with("#")) heading(now);
    else if (now.starts_with("|")) table();
    else if (now.starts_with("- ") || is_number_item(now)) list();
    else if (now == "<details>" || now == "</details>") out_ += cat(std::string(now), "\n"), ++at_;
    else if (now.starts_with("<details><summary>") || now.starts_with("<summary>")) summary(now);
    else if (now.starts_with("<!-- ")) ++at_;
    else paragraph();
  }

  void fenced() {
    std::string code;
    for (++at_; at_ < lines_.size() && !trimmed(line()).starts_with("```"); ++at_)
      code += cat(std::string(line()), "\n");
    ++at_;
    // Numbers in printed output may be placeholders.
    out_ += cat("<pre tabindex=\"0\"><code>", inline_html(code, true), "</code></pre>\n");
  }

  void heading(std::string_view now) {
    int level = 0;
    while (static_cast<std::size_t>(level) < now.size() && now[static_cast<std::size_t>(level)] == '#') ++level;
    const std::string name = cat("h", std::min(level - 1 + options_.heading, 6));
    out_ += cat("<", name, ">", inline_html(trimmed(now.substr(static_cast<std::size_t>(level)))), "</", name, ">\n");
    ++at_;
  }

  void summary(std::string_view now) {
    if (now.starts_with("<details>")) {
      out_ += "<details>";
      now.remove_prefix(std::string_view("<details>").size());
    }
    now.remove_prefix(std::string_view("<summary>").size());
    const std::size_t end = now.find("</summary>");
    out_ += cat("<summary>", inline_html(now.substr(0, end)), "</summary>\n");
    ++at_;
    if (end != std::string_view::npos) {
      const std::string_view rest = trimmed(now.substr(end + std::string_view("</summary>").size()));
      if (rest == "</details>") out_ += "</details>\n";
    }
  }

  static std::vector<std::string_view> cells(std::string_view row) {
    row = trimmed(row);
    row.remove_prefix(1);
    if (row.ends_with("|")) row.remove_suffix(1);
    std::vector<std::string_view> found;
    bool code = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= row.size(); ++i) {
      if (i < row.size() && row[i] == '`') code = !code;
      if (i < row.size() && (row[i] != '|' || code)) continue;
      found.push_back(trimmed(row.substr(begin, i - begin)));
      begin = i + 1;
    }
    return found;
  }

  void table() {
    out_ += "<div class=\"scroll\" tabindex=\"0\"><table>\n";
    for (bool head = true; trimmed(line()).starts_with("|"); ++at_) {
      if (trimmed(line()).find_first_not_of("|-: ") == std::string_view::npos) continue;  // the line below the head
      out_ += "<tr>";
      const char* cell = head ? "th" : "td";
      for (const std::string_view text : cells(line())) out_ += cat("<", cell, ">", inline_html(text), "</", cell, ">");
      out_ += "</tr>\n";
      head = false;
    }
    out_ += "</table></div>\n";
  }

  // All items of a list have the same indentation. An item that is indented more begins a list inside the item before.
  void list() {
    const auto indent = [&] { return line().find_first_not_of(' '); };
    const std::size_t own = indent();
    const bool numbered = is_number_item(trimmed(line()));
    // A list that continues after another block keeps its numbering.
    const std::string number(trimmed(line()).substr(0, trimmed(line()).find('.')));
    out_ += !numbered ? "<ul>\n" : number == "1" ? "<ol>\n" : cat("<ol start=\"", number, "\">\n");
    while (at_ < lines_.size()) {
      std::string_view now = trimmed(line());
      if (indent() != own || (numbered ? !is_number_item(now) : !now.starts_with("- "))) break;
      std::string item(now.substr(now.find(' ') + 1));
      // An indented line continues the item.
      bool inner = false;
      for (++at_; at_ < lines_.size() && line().starts_with("  ") && !trimmed(line()).empty(); ++at_) {
        const std::string_view more = trimmed(line());
        inner = more.starts_with("- ") || is_number_item(more);
        if (inner) break;
        item += cat(" ", std::string(more));
      }
      out_ += cat("<li>", inline_html(item));
      if (inner && indent() > own) list();
      out_ += "</li>\n";
    }
    out_ += numbered ? "</ol>\n" : "</ul>\n";
  }

  void paragraph() {
    std::string text;
    for (; at_ < lines_.size(); ++at_) {
      const std::string_view now = trimmed(line());
      // Take at least one line, so that html() always advances.
      if (!text.empty() && (now.empty() || now.starts_with("```") || now.starts_with("#") || now.starts_with("|") ||
                            now.starts_with("- ") || now.starts_with("<details>") || now == "</details>" ||
                            now.starts_with("<summary>")))
        break;
      text += cat(text.empty() ? "" : " ", std::string(now));
    }
    out_ += cat("<p>", inline_html(text), "</p>\n");
  }

  // If `code` is set, only placeholders are interpreted; all other markup is escaped.
  std::string inline_html(std::string_view text, bool code = false) const {
    std::string html;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c == kOpen) {
        const std::size_t close = text.find(kClose, i);
        if (close == std::string_view::npos) break;
        if (options_.placeholder) html += options_.placeholder(text.substr(i + 1, close - i - 1));
        i = close;
      } else if (!code && c == '`' && text.find('`', i + 1) != std::string_view::npos) {
        const std::size_t close = text.find('`', i + 1);
        html += cat("<code>", inline_html(text.substr(i + 1, close - i - 1), true), "</code>");
        i = close;
      } else if (!code && text.substr(i).starts_with("**") && text.find("**", i + 2) != std::string_view::npos) {
        const std::size_t close = text.find("**", i + 2);
        html += cat("<strong>", inline_html(text.substr(i + 2, close - i - 2)), "</strong>");
        i = close + 1;
      } else if (!code && c == '*' && emphasis_end(text, i) != std::string_view::npos) {
        const std::size_t close = emphasis_end(text, i);
        html += cat("<em>", inline_html(text.substr(i + 1, close - i - 1)), "</em>");
        i = close;
      } else if (!code && c == '[' && link(text, i, html)) {
        continue;
      } else {
        html += html_escaped(text.substr(i, 1));
      }
    }
    return html;
  }

  // The position of the '*' that closes the emphasis opened at `open`; npos if there is none, as in `2 * 3 * 4`.
  static std::size_t emphasis_end(std::string_view text, std::size_t open) {
    if (open + 1 >= text.size() || text[open + 1] == ' ') return std::string_view::npos;
    if (open > 0 && std::isalnum(static_cast<unsigned char>(text[open - 1]))) return std::string_view::npos;
    const std::size_t close = text.find('*', open + 1);
    return close != std::string_view::npos && text[close - 1] != ' ' ? close : std::string_view::npos;
  }

  // Appends the link at `i` and moves `i` to its last character. Returns false if there is no link.
  bool link(std::string_view text, std::size_t& i, std::string& html) const {
    const std::size_t middle = text.find("](", i);
    if (middle == std::string_view::npos || text.substr(i + 1, middle - i - 1).find('[') != std::string_view::npos)
      return false;
    const std::size_t close = text.find(')', middle);
    if (close == std::string_view::npos) return false;
    const std::string_view to = text.substr(middle + 2, close - middle - 2);
    html += cat("<a href=\"", html_escaped(options_.address ? options_.address(to) : std::string(to)), "\">",
                inline_html(text.substr(i + 1, middle - i - 1)), "</a>");
    i = close;
    return true;
  }

  const MarkdownOptions& options_;
  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

std::string markdown_to_html(std::string_view text, const MarkdownOptions& options) {
  return Converter(text, options).html();
}

}  // namespace headlight::lessons
