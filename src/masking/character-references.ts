import { windows1252 } from './windows-1252.ts'

/**
 * Named references of HTML (HTML Living Standard, section 13.5) to the characters that values are written with: those of ASCII, and those that stand for
 * them or are not seen (`folding.ts`).
 */
export const NAMED: Readonly<Record<string, string>> = {
  AMP: '&',
  Hat: '^',
  NewLine: '\n',
  QUOT: '"',
  Tab: '\t',
  UnderBar: '_',
  VerticalLine: '|',
  amp: '&',
  apos: "'",
  ast: '*',
  bsol: '\\',
  colon: ':',
  comma: ',',
  commat: '@',
  dollar: '$',
  equals: '=',
  excl: '!',
  grave: '`',
  DiacriticalGrave: '`',
  lbrace: '{',
  lbrack: '[',
  lcub: '{',
  lowbar: '_',
  lpar: '(',
  lsqb: '[',
  midast: '*',
  num: '#',
  percnt: '%',
  period: '.',
  plus: '+',
  quest: '?',
  quot: '"',
  rbrace: '}',
  rbrack: ']',
  rcub: '}',
  rpar: ')',
  rsqb: ']',
  semi: ';',
  sol: '/',
  verbar: '|',
  vert: '|',
  NonBreakingSpace: ' ',
  nbsp: ' ',
  MediumSpace: ' ',
  ThickSpace: ' ',
  ThinSpace: ' ',
  VeryThinSpace: ' ',
  emsp: ' ',
  emsp13: ' ',
  emsp14: ' ',
  ensp: ' ',
  hairsp: ' ',
  numsp: ' ',
  puncsp: ' ',
  thinsp: ' ',
  dash: '-',
  horbar: '-',
  hybull: '-',
  hyphen: '-',
  mdash: '-',
  minus: '-',
  ndash: '-',
  sup1: '1',
  sup2: '2',
  sup3: '3',
  nldr: '..',
  mldr: '...',
  hellip: '...',
  ordf: 'a',
  ordm: 'o',
  DD: 'D',
  dd: 'd',
  ee: 'e',
  ii: 'i',
  CapitalDifferentialD: 'D',
  DifferentialD: 'd',
  ExponentialE: 'e',
  exponentiale: 'e',
  ImaginaryI: 'i',
  ell: 'l',
  oscr: 'o',
  order: 'o',
  orderof: 'o',
  ApplyFunction: '',
  DownBreve: '',
  DotDot: '',
  InvisibleComma: '',
  InvisibleTimes: '',
  NegativeMediumSpace: '',
  NegativeThickSpace: '',
  NegativeThinSpace: '',
  NegativeVeryThinSpace: '',
  NoBreak: '',
  TripleDot: '',
  ZeroWidthSpace: '',
  af: '',
  ic: '',
  it: '',
  lrm: '',
  rlm: '',
  shy: '',
  tdot: '',
  zwj: '',
  zwnj: '',
}

/** What a reference stands for, from `&` on; undefined where it is none of those. */
export function referenced(reference: string): string | undefined {
  const numeric = /^&#(?:[xX]([0-9a-fA-F]+)|(\d+));?$/.exec(reference)
  if (numeric !== null) {
    const code = numeric[1] === undefined ? Number(numeric[2]) : parseInt(numeric[1], 16)
    // Those of C1 are the characters of Windows-1252 (section 13.2.5.80).
    return code <= 0x10ffff ? String.fromCodePoint(windows1252(code)) : undefined
  }
  const name = reference.slice(1).replace(/;$/, '')
  // Letters of mathematics: `&Dopf;`.
  return NAMED[name] ?? (LETTER.test(name) ? name.slice(0, 1) : undefined)
}

const LETTER = /^[A-Za-z](?:fr|opf|scr)$/
/** Those that browsers read without a semicolon, too. */
const WITHOUT_SEMICOLON = 'AMP|QUOT|amp|nbsp|ordf|ordm|quot|shy|sup1|sup2|sup3'
/** A reference, as the source of a regular expression. */
export const REFERENCE = `&(?:#[xX]0*[0-9a-fA-F]{1,6};?|#0*\\d{1,7};?|(?:${WITHOUT_SEMICOLON});?|(?:${Object.keys(NAMED).join('|')}|[A-Za-z](?:fr|opf|scr));)`
