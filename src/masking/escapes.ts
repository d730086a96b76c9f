/**
 * Ways to write a character that texts carry whatever their type is: JSON and SQL (`\\u0040`, `\\x40`), U&'' (`\\0040`, `\\+000040`), XML and HTML
 * (`&#64;`, `&#x40;`, `&commat;`), URLs (`%40`).
 */
const ESCAPE =
  /\\+u\{([0-9a-fA-F]{2,6})\}|\\+U([0-9a-fA-F]{8})|\\+u([0-9a-fA-F]{4})|\\+x([0-9a-fA-F]{2})|\\+\+?((?<=\+)[0-9a-fA-F]{6}|(?<=\\)[0-9a-fA-F]{4})|&#[xX]0*([0-9a-fA-F]{1,6});?|&#0*(\d{1,7});?|&(commat|period|plus|hyphen|lowbar|nbsp|colon|num);|%([0-7][0-9a-fA-F])/g

/** Whether there may be any; tells at once for most texts. */
export const hasEscapes = (text: string): boolean =>
  (text.includes('&') || text.includes('%') || text.includes('\\')) && text.search(ESCAPE) >= 0

/** The text with what they stand for. */
export const withoutEscapes = (text: string): string =>
  text.replace(ESCAPE, (escape, ...groups: (string | undefined)[]) => {
    const [braced, long, four, byte, bare, hex, decimal, named, percent] = groups
    if (named !== undefined) return NAMED[named] ?? escape
    const code =
      decimal === undefined
        ? parseInt(braced ?? long ?? four ?? byte ?? bare ?? hex ?? percent ?? '', 16)
        : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : escape
  })

const NAMED: Readonly<Record<string, string>> = {
  commat: '@',
  period: '.',
  plus: '+',
  hyphen: '-',
  lowbar: '_',
  nbsp: ' ',
  colon: ':',
  num: '#',
}
