import { expect, it } from 'vitest'
import { readParts } from '../../../../src/protocols/http/request/read-multipart.ts'

const part = (head: string, value = 'v'): string => `--b\r\n${head}\r\n\r\n${value}\r\n`
const named = (name: string): string => `Content-Disposition: form-data; name="${name}"`
const form = (...parts: string[]): string => `${parts.join('')}--b--\r\n`
const read = (text: string, boundary: string | undefined = 'b') => readParts(Buffer.from(text), boundary)

it.each([
  ['no parts', '--b--\r\n', []],
  ['no end of the line', '--b--', []],
  [
    'fields',
    form(part(named('a'), '1'), part(named('b'), 'é')),
    [
      ['a', '1'],
      ['b', 'é'],
    ],
  ],
  ['no value', form(`--b\r\n${named('a')}\r\n\r\n\r\n`), [['a', '']]],
  [
    'a file, with its type: what it holds, its name, and nothing',
    form(part(`${named('a')}; filename="x.png"\r\nContent-Type: image/png`)),
    [
      ['a', 'v'],
      ['a', 'x.png'],
      ['a', ''],
    ],
  ],
  [
    'a file without a name, which Go takes for a field',
    form(part(`${named('a')}; filename=""`)),
    [
      ['a', 'v'],
      ['a', ''],
      ['a', ''],
    ],
  ],
  [
    'a file in a character set of its own',
    form(part(`${named('a')}; filename="x"\r\nContent-Type: text/csv; charset=windows-1252`)),
    [
      ['a', 'v'],
      ['a', 'x'],
      ['a', ''],
    ],
  ],
  [
    'a field that names its character set',
    form(part(`${named('a')}\r\nContent-Type: text/plain; charset=UTF-8`)),
    [['a', 'v']],
  ],
  ['line ends and dashes in a value', form(part(named('a'), 'x\r\n--\r\n-b\n')), [['a', 'x\r\n--\r\n-b\n']]],
  [
    'a transfer encoding that changes nothing',
    form(part(`${named('a')}\r\nContent-Transfer-Encoding: 8bit`)),
    [['a', 'v']],
  ],
])('reads %s', (_name, text, fields) => {
  expect(read(text)).toEqual(fields.map(([name, value]) => ({ name, value })))
})

/** Some reader finds other fields in each. */
it.each([
  ['no boundary', form(part(named('a'))), ''],
  ['a boundary with blanks', form(part(named('a'))), 'b b'],
  ['something in front', `x\r\n${form(part(named('a')))}`],
  ['an empty line in front', `\r\n${form(part(named('a')))}`],
  ['something behind', `${form(part(named('a')))}x`],
  ['a second end', `${form(part(named('a')))}--b--\r\n`],
  ['no end', part(named('a'))],
  ['a blank behind a boundary', `--b \r\n${named('a')}\r\n\r\nv\r\n--b--\r\n`],
  ['a boundary that goes on', form(`--bb\r\n${named('a')}\r\n\r\nv\r\n`)],
  ['lines that end in LF alone', `--b\n${named('a')}\n\nv\n--b--\n`],
  ['a boundary behind LF alone', form(part(named('a'), `x\n--b\n${named('_method')}\n\nDELETE`))],
  ['a boundary behind CR alone', form(part(named('a'), `x\r--b\r${named('_method')}\r\rDELETE`))],
  ['a boundary within a line', form(part(named('a'), 'x--b'))],
  ['no head', form('--b\r\n\r\nv\r\n')],
  ['no name', form(part('Content-Disposition: form-data'))],
  ['a name without quotes', form(part('Content-Disposition: form-data; name=a'))],
  ['two names', form(part(`${named('a')}; name="_method"`))],
  ['an encoded name', form(part(`Content-Disposition: form-data; name*=utf-8''_method`))],
  ['an escaped name', form(part(named('_met\\hod')))],
  ['a name in percent encoding', form(part(named('%5Fmethod')))],
  ['a name as in mail', form(part(named('=?utf-8?q?_method?=')))],
  ['a name that is not UTF-8', form(part(named('\xff'))), 'b', 'latin1'],
  ['two dispositions', form(part(`${named('a')}\r\n${named('_method')}`))],
  ['a folded line', form(part(`Content-Disposition: form-data;\r\n name="_method"`))],
  ['a header in other characters', form(part(`X-Other: 1\r\n${named('a')}`))],
  ['a blank in front of the colon', form(part(`Content-Disposition : form-data; name="a"`))],
  ['a field in UTF-16', form(part(`${named('a')}\r\nContent-Type: text/plain; charset=utf-16le`, 'v\0'))],
  ['a field in UTF-7', form(part(`${named('a')}\r\nContent-Type: text/plain; x=y; charset="utf-7"`))],
  ['a file without a name in UTF-16', form(part(`${named('a')}; filename=""\r\nContent-Type: a/b;charset=utf-16`))],
  ['a field that is not UTF-8', form(part(named('a'), 'caf\xe9')), 'b', 'latin1'],
  ['base64', form(part(`${named('a')}\r\nContent-Transfer-Encoding: base64`))],
  ['quoted-printable', form(part(`${named('a')}\r\nContent-Transfer-Encoding: quoted-printable`))],
  ['parts of a part', form(part(`${named('a')}\r\nContent-Type: multipart/mixed; boundary=c`))],
  ['a file without a name in front', form(part('Content-Disposition: form-data; filename="x"; name="a"'))],
  ['an attachment', form(part('Content-Disposition: attachment; name="a"'))],
  ['too many parts', form(part(named('a')).repeat(1001))],
])('refuses %s', (_name, text, boundary = 'b', encoding = 'utf8') => {
  expect(readParts(Buffer.from(text, encoding as 'utf8'), boundary)).toHaveProperty('failure')
})
