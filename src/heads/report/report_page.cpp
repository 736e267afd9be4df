// The HTML page: its template, embedded parts and escaped data.
#include <string_view>

#include "headlight/base/error.h"
#include "heads/report/files.h"
#include "heads/report/head_report.h"

namespace headlight {

namespace {

std::string_view part(std::string_view name) {
  for (std::size_t i = 0; i < detail::kReportFileCount; ++i) {
    const detail::EmbeddedFile& file = detail::kReportFiles[i];
    if (name == file.name) return {reinterpret_cast<const char*>(file.bytes), file.size};
  }
  fail("report: this build lacks the file ", name);
}

// JSON with all characters that are special in HTML escaped. They occur only in strings, where JSON allows the escapes.
std::string inert(const Json& data) {
  std::string text;
  for (const char c : json_text(data)) {
    if (c == '<') text += "\\u003c";
    else if (c == '>') text += "\\u003e";
    else if (c == '&') text += "\\u0026";
    else text += c;
  }
  return text;
}

}  // namespace

std::string report_page(const Json& data) {
  std::string page;
  std::string_view frame = part("page.html");
  // Replace {{style.css}} by that file and {{data}} by the data. Inserted text is not searched for placeholders.
  for (std::size_t open; (open = frame.find("{{")) != std::string_view::npos;) {
    const std::size_t close = frame.find("}}", open);
    const std::string_view name = frame.substr(open + 2, close - open - 2);
    page.append(frame.substr(0, open));
    page.append(name == "data" ? inert(data) : std::string(part(name)));
    frame.remove_prefix(close + 2);
  }
  page.append(frame);
  if (page.size() > kReportBytes)
    fail("report: the page would have ", page.size(), " bytes, more than ", kReportBytes,
         "; use a model with fewer heads or a shorter context");
  return page;
}

std::string base64(const std::vector<std::uint8_t>& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const auto at = [&](std::size_t k) { return k < left ? std::uint32_t{bytes[i + k]} : 0; };
    const std::uint32_t three = at(0) << 16 | at(1) << 8 | at(2);
    text += kDigits[three >> 18];
    text += kDigits[three >> 12 & 63];
    text += left > 1 ? kDigits[three >> 6 & 63] : '=';
    text += left > 2 ? kDigits[three & 63] : '=';
  }
  return text;
}

}  // namespace headlight
