import { describe, expect, it } from 'vitest'
import { withUrls } from '../../../../src/protocols/http/client/url-arguments.ts'

const BASE = 'http://127.0.0.1:20123'
const rewritten = (line: string): string => {
  const [program = '', ...args] = line.split(' ')
  return withUrls(program, args, BASE).join(' ').replaceAll(BASE, 'BASE')
}

describe('a path among the arguments of a client', () => {
  it.each([
    ['curl /x', 'BASE/x'],
    ['curl -sS /x', '-sS BASE/x'],
    ['curl -X POST /x', '-X POST BASE/x'],
    ['curl -XPOST /x', '-XPOST BASE/x'],
    ['curl -sXPOST /x /y', '-sXPOST BASE/x BASE/y'],
    ['curl -HAccept:x /x', '-HAccept:x BASE/x'],
    ['curl -o/tmp/f /x', '-o/tmp/f BASE/x'],
    ['curl -so /tmp/f /x', '-so /tmp/f BASE/x'],
    ['curl --url /x', '--url BASE/x'],
    ['curl -s --retry-all-errors /x', '-s --retry-all-errors BASE/x'],
    ['curl -O /x', '-O BASE/x'],
    ['wget -qO- /x', '-qO- BASE/x'],
    ['wget -qO - /x', '-qO - BASE/x'],
    ['wget -O- /x', '-O- BASE/x'],
    ['wget -nv -nH /x', '-nv -nH BASE/x'],
    ['wget --output-document=/tmp/f /x', '--output-document=/tmp/f BASE/x'],
    ['http POST /x name=value', 'POST BASE/x name=value'],
    ['http -do/tmp/f /x', '-do/tmp/f BASE/x'],
    ['curl -- /x', '-- BASE/x'],
  ])('is a URL of the target: %s', (line, expected) => {
    expect(rewritten(line)).toBe(expected)
  })

  it.each([
    'curl -o /tmp/f',
    'curl -T /etc/passwd',
    'curl -sK /tmp/config',
    'curl --data-binary /x',
    'curl --cacert /tmp/ca.crt',
    'curl --some-new-option /tmp/f',
    'wget -qi /tmp/urls',
    'wget -O /tmp/f',
    'http -o /tmp/f',
    'curl //other.example/x',
    'other /x',
  ])('is a file, or of no target: %s', (line) => {
    expect(rewritten(line)).toBe(line.slice(line.indexOf(' ') + 1))
  })

  it('takes what an option with a value demands for that value, even where it looks like an option', () => {
    expect(rewritten('curl -d -X /x')).toBe('-d -X BASE/x')
    expect(rewritten('curl -d -- -o /tmp/f /x')).toBe('-d -- -o /tmp/f BASE/x')
  })
})
