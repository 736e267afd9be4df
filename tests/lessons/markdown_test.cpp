// Markdown to HTML, as far as the lessons use it.
#include "lessons/markdown.h"

#include <gtest/gtest.h>

namespace headlight::lessons {
namespace {

std::string html(std::string_view text) { return markdown_to_html(text, {}); }

TEST(Markdown, HeadingsAndParagraphs) {
  EXPECT_EQ(html("# One\n\na line\nand another\n\n## Two\n"),
            "<h2>One</h2>\n<p>a line and another</p>\n<h3>Two</h3>\n");
}

TEST(Markdown, EscapesAllOtherMarkup) {
  EXPECT_EQ(html("a < b & \"c\" <script>"), "<p>a &lt; b &amp; &quot;c&quot; &lt;script&gt;</p>\n");
  EXPECT_EQ(html("`a<b>`"), "<p><code>a&lt;b&gt;</code></p>\n");
}

TEST(Markdown, EmphasisIsNotMultiplication) {
  EXPECT_EQ(html("**bold** and *it*, 2 * 3 * 4, a*b*c"),
            "<p><strong>bold</strong> and <em>it</em>, 2 * 3 * 4, a*b*c</p>\n");
}

TEST(Markdown, Lists) {
  EXPECT_EQ(html("- a\n  more\n- b\n\n1. x\n2. y\n"),
            "<ul>\n<li>a more</li>\n<li>b</li>\n</ul>\n<ol>\n<li>x</li>\n<li>y</li>\n</ol>\n");
  EXPECT_EQ(html("3. z\n"), "<ol start=\"3\">\n<li>z</li>\n</ol>\n");
  EXPECT_EQ(html("1. a\n   more\n   - b\n   - c\n2. d\n"),
            "<ol>\n<li>a more<ul>\n<li>b</li>\n<li>c</li>\n</ul>\n</li>\n<li>d</li>\n</ol>\n");
}

TEST(Markdown, TablesKeepBarsInCode) {
  EXPECT_EQ(html("| a | b |\n|---|---|\n| `x|y` | 2 |\n"),
            "<div class=\"scroll\" tabindex=\"0\"><table>\n<tr><th>a</th><th>b</th></tr>\n"
            "<tr><td><code>x|y</code></td><td>2</td></tr>\n</table></div>\n");
}

TEST(Markdown, FencedCodeIsKeptAsItIs) {
  EXPECT_EQ(html("```cpp\nx = *p * 2;\n# no heading\n```\nend"),
            "<pre tabindex=\"0\"><code>x = *p * 2;\n# no heading\n</code></pre>\n<p>end</p>\n");
}

TEST(Markdown, DetailsFold) {
  EXPECT_EQ(html("<details>\n<summary>Hint `1`</summary>\n\ntext\n\n</details>\n"),
            "<details>\n<summary>Hint <code>1</code></summary>\n<p>text</p>\n</details>\n");
  // A <details> line with further text is an ordinary paragraph, which the parser reads once.
  EXPECT_EQ(html("<details> open"), "<p>&lt;details&gt; open</p>\n");
}

TEST(Markdown, LinksGoThroughTheAddress) {
  MarkdownOptions options;
  options.address = [](std::string_view to) { return "top/" + std::string(to); };
  EXPECT_EQ(markdown_to_html("see [a `b`](c.h), x[i] (y)", options),
            "<p>see <a href=\"top/c.h\">a <code>b</code></a>, x[i] (y)</p>\n");
}

TEST(Markdown, PlaceholdersAreHtml) {
  MarkdownOptions options;
  options.placeholder = [](std::string_view key) { return "<b>" + std::string(key) + "</b>"; };
  EXPECT_EQ(markdown_to_html("loss \x01"
                             "7\x02 < 1",
                             options),
            "<p>loss <b>7</b> &lt; 1</p>\n");
}

}  // namespace
}  // namespace headlight::lessons
