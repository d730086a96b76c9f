import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../../src/masking/plan.ts'
import { answerMasker } from '../../../../src/protocols/http/masking/answer-masker.ts'

/** Values as each format may spell them, and documents that readers take apart in another way than it looks. */

const KINDS: readonly MaskedKind[] = (['email', 'payment-card'] as const).map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))

function masked(type: string, chunks: readonly Buffer[]): string {
  const session = {
    masking: { columns: [], kinds: KINDS },
    hashKeys: { session: Buffer.alloc(32), target: Buffer.alloc(32) },
  }
  const masker = answerMasker(
    { status: 200, contentTypes: [type], request: { segments: [], described: undefined } },
    session,
  )
  if (masker === 'as it is' || 'refuse' in masker) throw new Error('no masker')
  return Buffer.concat([...chunks.map((chunk) => masker.mask(chunk)), masker.end()]).toString('latin1')
}
const whole = (type: string, body: string | Buffer): string => masked(type, [Buffer.from(body as string)])
const byteByByte = (body: string | Buffer): Buffer[] =>
  [...Buffer.from(body as string)].map((byte) => Buffer.from([byte]))

const HTML = 'text/html'
const latin = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('a value is hidden', () => {
  it.each<[string, string, string | Buffer]>([
    ['CSS: hexadecimal digits and a blank', 'text/css', String.raw`a:after { content: "jane\40 example\2e com" }`],
    ['CSS: six digits', 'text/css', String.raw`a:after { content: "jane\000040example.com" }`],
    ['CSS: a sign that stands for itself', 'text/css', String.raw`a:after { content: "jane\@example\.com" }`],
    ['CSS: a line that goes on', 'text/css', 'a:after { content: "jane@exam\\\nple.com" }'],
    ['CSS in HTML', HTML, String.raw`<style>a:after { content: "jane\40 example.com" }</style>`],
    ['JavaScript: \\u', 'text/javascript', String.raw`let a = "jane\u0040example.com"`],
    ['JavaScript: \\u{}', 'text/javascript', String.raw`let a = "jane\u{40}example.com"`],
    ['JavaScript: \\u{} with zeros', 'text/javascript', String.raw`let a = "jane\u{0000040}example.com"`],
    ['JavaScript: \\x', 'text/javascript', String.raw`let a = "jane\x40example\x2ecom"`],
    ['JavaScript: octal digits', 'text/javascript', String.raw`let a = "jane\100example.com"`],
    ['JavaScript: octal digits before digits', 'text/javascript', String.raw`let a = "4111\06111111111111"`],
    [
      'JavaScript: signs and letters that stand for themselves',
      'text/javascript',
      String.raw`let a = "jane\@ex\amp\le.com"`,
    ],
    ['JavaScript: a line that goes on', 'text/javascript', 'let a = "jane@exam\\\nple.com"'],
    ['JavaScript: halves of a pair', 'text/javascript', String.raw`let a = "\ud835\udfd2111111111111111"`],
    ['JavaScript in HTML', HTML, String.raw`<script>let a = "jane\100example.com"</script>`],
    ['Markdown: references', 'text/markdown', 'jane&commat;example&period;com'],
    ['Markdown: signs that stand for themselves', 'text/markdown', String.raw`jane\@example\.com`],
    ['Markdown: emphasis', 'text/markdown', 'jane**@**example.com'],
    ['Markdown: emphasis within a word', 'text/markdown', '4111*1111*11111111'],
    ['Markdown: code', 'text/markdown', 'jane`@`example.com'],
    ['Markdown: elements of HTML', 'text/markdown', 'jane<b>@</b>example.com'],
    ['Markdown: tags that are code', 'text/markdown', '`<a title="` jane**@**example.com'],
    ['Markdown: a line that goes on', 'text/markdown', '4111 1111\n1111 1111'],
    ['YAML: a line that goes on', 'application/yaml', 'card: 4111 1111\n  1111 1111\n'],
    ['YAML: a line that goes on behind blanks', 'application/yaml', 'a: "jane@\\\n    exam\\\r\n\t ple.com"'],
    ['JSON: a control between', 'application/json', String.raw`{"a":"jane\u0000@exam\u007fple\b.com"}`],
    ['JSON: a control in events', 'text/event-stream', `data: {"a":"jane\\u0001@example.com"}\n\n`],
    ['JSON: colours', 'application/json', String.raw`{"a":"jane\u001b[0m@\u001b[1;31mexample.com"}`],
    [
      'JSON: a link',
      'application/json',
      String.raw`{"a":"4111\u001b]8;;https://a\u000711111111\u001b]8;;\u001b\\1111"}`,
    ],
    ['text: a control', 'text/plain', String.raw`a jane\u0001@example.com`],
    ['YAML: escapes', 'application/yaml', String.raw`card: "4111\_1111\x201111\u00201111"`],
    [
      'a blank without a break, in percent encoding',
      'application/x-www-form-urlencoded',
      'a=4111%C2%A01111%C2%A01111%C2%A01111',
    ],
    ['the same in Latin-1', 'application/x-www-form-urlencoded', 'a=4111%A01111%A01111%A01111'],
    ['a form that is one value', 'application/x-www-form-urlencoded', '4111+1111+1111+1111'],
    ['a full-width sign in percent encoding', 'text/plain', 'jane%EF%BC%A0example.com'],
    ['mathematical digits in percent encoding', 'text/plain', '%F0%9D%9F%92111111111111111'],
    ['references to blanks', HTML, '4111&nbsp;1111&thinsp;1111&#160;1111'],
    ['references without a semicolon', HTML, '4111&nbsp1111&nbsp1111&nbsp1111'],
    ['references to dashes', HTML, '4111&ndash;1111&#8211;1111&#x2013;1111'],
    ['references to what is not seen', HTML, '4111&shy;1111&#8203;1111&zwj;1111'],
    ['references to characters of Windows-1252', HTML, '4111&#150;1111&#150;1111&#150;1111'],
    ['references to letters of mathematics', HTML, 'jane@&eopf;xample.com'],
    ['Windows-1252', 'text/plain; charset=windows-1252', latin('4111\x961111\x961111\x961111')],
    ['ISO 8859-1', 'text/plain; charset=iso-8859-1', latin('4111\xa01111\xa01111\xa01111')],
    ['UTF-8 that is none', 'text/plain', latin('4111\xa01111\xa01111\xa01111')],
    ['lines of HTML', HTML, '<p>4111 1111\n   1111\t1111</p>'],
    ['several blanks of HTML', HTML, '<p>4111  1111  1111  1111</p>'],
    ['HTML: tags', HTML, 'jane<b>@</b>example.com'],
    ['HTML: a quote that opens no value', HTML, '<b ">jane<b>@</b>example.com'],
    ['HTML: a quote within a value without quotes', HTML, '<b a=x">jane<b>@</b>example.com'],
    ['HTML: an equals sign that is a name', HTML, '<b =">jane<b>@</b>example.com'],
    ['HTML: comments that are over at once', HTML, '<!-->jane<b>@</b>example.com-->'],
    ['HTML: and with a dash', HTML, '<!--->jane<b>@</b>example.com-->'],
    ['HTML: comments that end with a mark', HTML, '<!-- --!>jane<b>@</b>example.com-->'],
    ['HTML: other comments', HTML, '<!x "> jane<b>@</b>example.com">'],
    ['HTML: an instruction', HTML, '<?x "> jane<b>@</b>example.com?>'],
    ['HTML: the end of nothing', HTML, '</ "> jane<b>@</b>example.com">'],
    ['HTML: a tag that is text in a title', HTML, '<title><a x="</title>jane<b>@</b>example.com'],
    ['HTML: a comment that is text in a title', HTML, '<title><!--</title>jane<b>@</b>example.com'],
    ['HTML: a comment that is text in an area', HTML, '<textarea><!--</textarea>jane<b>@</b>example.com'],
    ['HTML: references in an area', HTML, '<textarea>jane&#64;example.com</textarea>'],
    ['HTML: a comment that is a script', HTML, '<script>let a = "<!--"</script>jane<b>@</b>example.com'],
    ['HTML: a tag that is a style', HTML, `<style>a { b: "<a x='" }</style>jane<b>@</b>example.com`],
    ['HTML: what only begins as the end does', HTML, '<script>"</scripts><!--"</script >jane<b>@</b>example.com'],
    ['HTML: an empty element that is none', HTML, '<title/><!--</title>jane<b>@</b>example.com'],
    ['HTML: all that follows', HTML, '<plaintext><!-- jane&#64;example.com'],
    ['HTML in upper case', HTML, '<TITLE><!--</TITLE>jane<B>@</B>example.com'],
    ['XHTML: a CDATA section', 'application/xhtml+xml', '<p>jane<![CDATA[@]]>example.com</p>'],
    ['SVG: a tag in a text', 'image/svg+xml', '<text>jane<tspan>@</tspan>example.com</text>'],
    ['XML: a comment', 'application/xml', '<a>jane<!-- --!> -->@example.com</a>'],
  ])('%s', (_name, type, body) => {
    const out = whole(type, body)
    expect(out).toContain('****')
    expect(masked(type, byteByByte(body))).toBe(out)
  })
})

describe('a document is refused', () => {
  it.each<[string, string, string | Buffer]>([
    ['in UTF-7', 'application/xml', '<?xml version="1.0" encoding="UTF-7"?><a>jane+AEA-example.com</a>'],
    ['in UTF-7, with other quotes', 'text/xml', "\ufeff<?xml version='1.0'\n encoding = 'utf-7' ?><a/>"],
    ['in EBCDIC', 'application/xml; charset=utf-8', '<?xml version="1.0" encoding="ebcdic-cp-us"?><a/>'],
    ['in XML whose declaration does not end', 'application/xml', `<?xml version="1.0"${' '.repeat(2000)}`],
    ['in HTML that says GBK', HTML, '<meta charset=gbk>x'],
    [
      'in HTML that says so in other words',
      HTML,
      `<meta http-equiv="content-type" content='text/html; charset="big5"'>`,
    ],
    ['in HTML that says so with references', HTML, '<meta charset="&#103;bk">x'],
    ['in XHTML that says so', 'application/xhtml+xml', '<?xml version="1.0" encoding="shift_jis"?><a/>'],
    ['in a style sheet that says so', 'text/css', '@charset "gb18030";a{}'],
    ['in UTF-16', 'text/plain', latin('\xfe\xff\x30\x30')],
    ['with a CDATA section in HTML', HTML, '<![CDATA[>jane<b>@</b>example.com]]>'],
    ['with entities', 'application/xml', '<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>'],
    [
      'with a script in a comment of a script',
      HTML,
      '<script><!--<script></script><!-- </script>jane<b>@</b>example.com',
    ],
    ['with markup in a style of SVG', HTML, '<svg><style><a x="</style>jane<b>@</b>example.com'],
    ['with an empty title in SVG', HTML, '<svg><title/>jane<b>@</b>example.com'],
    ['with the end of noscript in a comment', HTML, '<noscript><!-- </noscript>jane<b>@</b>example.com -->'],
    ['with the end of noscript in a tag', HTML, '<noscript><a x="</noscript>jane<b>@</b>example.com">'],
  ])('%s', (_name, type, body) => {
    expect(() => whole(type, body)).toThrow(/^values are masked here, and/)
    expect(() => masked(type, byteByByte(body))).toThrow(/^values are masked here, and/)
  })
})

it.each<[string, string]>([
  [
    HTML,
    '<!DOCTYPE html><meta charset="utf-8"><title>x &lt; y</title><script>if (a<b && c>d) e = "\\u00e9\\n"</script>\n',
  ],
  [HTML, '<p a="b>c" d=\'"\' e=f">x</p><!-- "-- --><noscript><img src="x"/></noscript><svg><style>a{}</style></svg>'],
  [HTML, '<pre>  a\n  b\t</pre><textarea>\n<b>x</b></textarea>&nbsp;&copy;'],
  ['text/css', '@charset "UTF-8"; .fa:before { content: "\\f101" } a::after { content: "\\201C\\a " }'],
  ['text/javascript', 'let a = /\\d+\\.\\d/, b = `x\\\n${y}`, c = "\\0\\x41\\u{1F600}"'],
  ['text/markdown', '# A *b* __c__ `<d x="` <https://e.example/>\n\n- f\n  g\\_h\n'],
  ['application/yaml', 'a: "b\\_c\\x41"\nd: |\n  e\n  f\n'],
  [
    'application/xml',
    '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE a SYSTEM "a>b.dtd"><a b="&#169;">\u00a0<![CDATA[<]]></a>',
  ],
  ['application/xhtml+xml', '<title/><p>x</p><script/>'],
])('and %s without a value stays byte for byte', (type, body) => {
  const bytes = Buffer.from(body)
  expect(whole(type, body)).toBe(bytes.toString('latin1'))
  expect(masked(type, byteByByte(body))).toBe(bytes.toString('latin1'))
})

it.each(['text/plain', 'text/html'])('%s: what is not seen within a value is not held without a bound', (type) => {
  const joiners = Buffer.from('\u200d'.repeat(100_000))
  expect(() => masked(type, [Buffer.from('jane'), ...Array.from({ length: 40 }, () => joiners)])).toThrow(
    'the answer goes on for more than 4 MiB within what may be one value',
  )
})
