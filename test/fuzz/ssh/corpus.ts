import { readdirSync, readFileSync } from 'node:fs'

const TESTS = new URL('../../', import.meta.url)

/**
 * Scripts to change: every string of the tests about command lines that looks like one. A new evasion that is tested
 * there is played with here without anything more.
 */
export const CORPUS: readonly string[] = [
  ...new Set(
    readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
      .filter((file) => /^(gateway\/ssh|integration)\/.*(command|ssh-evasions)[^/]*\.test\.ts$/.test(file))
      .toSorted()
      .flatMap((file) => stringsOf(readFileSync(new URL(file, TESTS), 'utf8')))
      .filter((text) => /[ ;|<>=]/.test(text) && text.length < 200)
      .map((text) =>
        text
          .replaceAll(/\bV\b/g, 'vault/secret')
          .replaceAll(/\bG\b/g, 'vault')
          .replaceAll(/\bD\b/g, '/mnt/u')
          .replaceAll('guarded', 'vault')
          .replaceAll('victim', 'secret')
          .replaceAll('/home/jane', '/mnt/u')
          .replaceAll('open/input', 'd/e')
          .replaceAll(/\/(x|out|moved|new)\b/g, '/new')
          .replaceAll('/mnt/u/list', '/mnt/u/b'),
      ),
  ),
]

function stringsOf(source: string): string[] {
  return [...source.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)].map(([, single, double]) =>
    (single ?? double ?? '').replaceAll(/\\(u[0-9a-f]{4}|x[0-9a-f]{2}|.)/gi, (_, code: string) => {
      if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
      return ({ n: '\n', t: '\t', r: '\r' } as Record<string, string>)[code] ?? code
    }),
  )
}
