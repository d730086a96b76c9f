import { isUnseen } from '../../masking/folding.ts'
import { isC1 } from '../../masking/stream/utf8.ts'

/** What one character of a terminal's output is, to somebody who looks at the screen. */
export type Seen =
  /** It is shown, or moves to another line or column as text does. */
  | 'text'
  /** Nothing of it is shown: part of an escape sequence, a control or a character without width. */
  | 'unseen'
  /** It ends a sequence that moves the cursor: what comes next stands elsewhere. */
  | 'moved'
  /** It ends one that is not listed, or that moves the cursor on some terminals: what comes next may stand elsewhere. */
  | 'may-move'
  /** It begins a control string. */
  | 'begin'
  /** Within OSC: a title, a link, the clipboard. */
  | 'in-osc'
  /** Within DCS, SOS, PM, APC or the title of a screen. */
  | 'in-string'

/** What terminals differ in. */
export interface Terminal {
  /** Obeys controls of one character, U+0080 to U+009F. */
  readonly c1: boolean
  /** Repeats a character (REP). */
  readonly repeats: boolean
  /** As the console of Linux: `ESC ] R` and `ESC ] P` end by themselves, and other letters at once. */
  readonly console: boolean
  /** As a VT52, or one that shows controls (CRM): nothing is a control sequence, and what would be one is shown. */
  readonly shows?: boolean
}

/**
 * Follows what a terminal does with characters (ECMA-48, and the parser of DEC's terminals as xterm has it): one at a time, over
 * any borders of chunks. A sequence has no greatest length.
 */
export class TerminalParser {
  readonly #terminal: Terminal
  #state: State = 'ground'
  /** Of a control sequence: its marks and intermediates so far, the number that is being read, and what was said by numbers. */
  #marks = ''
  #number = 0
  #first: number | undefined
  #mayMove = false
  /** Numbers of modes that mean something here. */
  readonly #modes = new Set<number>()
  /** It is malformed: terminals read it to its end and do nothing. */
  #isIgnored = false
  #isBegun = false
  #hasIntermediate = false
  /** Digits of a colour that the console of Linux still takes. */
  #digits = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** One of another terminal that has seen the same; but for modes, which are looked at where terminals begin to differ (`isShowing`). */
  as(terminal: Terminal): TerminalParser {
    const other = new TerminalParser(terminal)
    other.#state = this.#state
    other.#marks = this.#marks
    other.#number = this.#number
    other.#first = this.#first
    other.#mayMove = this.#mayMove
    other.#isIgnored = this.#isIgnored
    other.#isBegun = this.#isBegun
    other.#hasIntermediate = this.#hasIntermediate
    return other
  }

  /** Plain text needs no parsing now. */
  get isIdle(): boolean {
    return this.#state === 'ground'
  }

  /** What comes next is carried by a control string. */
  get isInString(): boolean {
    return this.#state === 'osc-begin' || this.#state === 'osc' || this.#state === 'string'
  }

  /** Whether this character would end a sequence that repeats one, where terminals do that. */
  isRepeat(code: number): boolean {
    return this.#state === 'csi' && this.#marks === '' && code === 0x62
  }

  /** Whether the console of Linux takes this character otherwise. */
  isOtherOnConsole(code: number): boolean {
    if (this.#state === 'osc-begin') return !isDigit(code)
    return (this.#state === 'escape' || this.#state === 'intermediate' || this.#state === 'csi') && code >= 0xa0
  }

  /** Whether this character would end a sequence after which some terminals show those that come. */
  isShowing(code: number): boolean {
    if (this.#state !== 'csi') return false
    const final = this.#marks + String.fromCharCode(code)
    const mode = final === '?l' ? VT52_MODE : final === 'h' ? CONTROLS_MODE : undefined
    return mode !== undefined && (this.#number === mode || this.#modes.has(mode))
  }

  /** How often the sequence that is being read would repeat a character. */
  get count(): number {
    return Math.max(1, this.#first ?? this.#number)
  }

  next(code: number): Seen {
    if (this.#terminal.shows === true) return this.#to('ground', code === ESC ? 'unseen' : shown(code))
    if (this.#terminal.c1 && isC1(code)) return this.#c1(code)
    if (code === CAN || code === SUB) return this.#to('ground', 'unseen')
    if (code === ESC) return this.#to('escape', 'unseen')
    switch (this.#state) {
      case 'ground':
        return shown(code)
      case 'osc-begin':
        if (this.#terminal.console && !isDigit(code)) return this.#onConsole(code)
        this.#state = 'osc'
        return this.#inString(code)
      case 'osc':
      case 'string':
        return this.#inString(code)
      case 'colour':
        if (HEX.test(String.fromCharCode(code)) && --this.#digits > 0) return 'unseen'
        return this.#to('ground', 'unseen')
      case 'escape':
      case 'intermediate':
      case 'csi':
        // A control within a sequence is obeyed at once, and the sequence goes on.
        if (code < 0x20 || (code >= DEL && code < 0xa0)) return shown(code)
        if (code >= 0xa0) return this.#notInSequence(code)
        return this.#inSequence(code)
    }
  }

  #inSequence(code: number): Seen {
    if (this.#state === 'csi') {
      if (code < 0x40) return this.#parameter(code)
      return this.#to('ground', this.#isStill(code) ? 'unseen' : this.#isMove(code) ? 'moved' : 'may-move')
    }
    if (code < 0x30) {
      // `ESC #` draws over the screen, or widens a line; the others choose character sets, as `tput sgr0` does.
      if (code === 0x23) this.#mayMove = true
      this.#state = 'intermediate'
      return 'unseen'
    }
    if (this.#state === 'intermediate') return this.#to('ground', this.#mayMove ? 'may-move' : 'unseen')
    if (code === 0x5b) return this.#to('csi', 'unseen')
    if (code === 0x5d) return this.#to('osc-begin', 'begin')
    if (STRINGS.has(code)) return this.#to('string', 'begin')
    return this.#to('ground', STILL_ESCAPES.has(code) ? 'unseen' : MOVING_ESCAPES.has(code) ? 'moved' : 'may-move')
  }

  #parameter(code: number): Seen {
    // A mark stands first, and no parameter behind an intermediate.
    if (code >= 0x30 && (this.#hasIntermediate || (code >= 0x3c && this.#isBegun))) this.#isIgnored = true
    if (code < 0x30) this.#hasIntermediate = true
    this.#isBegun = true
    if (isDigit(code)) this.#number = Math.min(this.#number * 10 + code - 0x30, MAX_COUNT)
    else if (code === 0x3a || code === 0x3b) this.#endNumber()
    else if (this.#marks.length < MARKS) this.#marks += String.fromCharCode(code)
    return 'unseen'
  }

  #endNumber(): void {
    this.#first ??= this.#number
    if (MOVING_MODES.has(this.#number)) this.#mayMove = true
    if (this.#number === VT52_MODE || this.#number === CONTROLS_MODE) this.#modes.add(this.#number)
    this.#number = 0
  }

  /** It surely leaves the cursor, and the text before it, where they are. */
  #isStill(code: number): boolean {
    this.#endNumber()
    const final = String.fromCharCode(code)
    if (this.#marks === '?' && (final === 'h' || final === 'l')) return !this.#mayMove
    if (this.#marks === '' && final === 't') return STILL_WINDOW.has(this.#first as number)
    return STILL.has(this.#marks + final)
  }

  #isMove(code: number): boolean {
    return this.#marks === '' && MOVING.test(String.fromCharCode(code))
  }

  /** Some terminals give the sequence up and show it; xterm's ends, or goes on, without a trace; so does that of Linux. */
  #notInSequence(code: number): Seen {
    const { c1, repeats, console } = this.#terminal
    if ((c1 || repeats) && this.#isIgnored) return 'unseen'
    return this.#to('ground', c1 || repeats || console ? 'unseen' : shown(code))
  }

  #onConsole(code: number): Seen {
    this.#digits = 7
    return this.#to(code === 0x50 ? 'colour' : 'ground', 'unseen')
  }

  #inString(code: number): Seen {
    if (code === BEL && this.#state === 'osc') return this.#to('ground', 'unseen')
    const seen = shown(code)
    if (seen !== 'text') return seen
    return this.#state === 'osc' ? 'in-osc' : 'in-string'
  }

  #c1(code: number): Seen {
    if (code === 0x9b) return this.#to('csi', 'unseen')
    if (code === 0x9d) return this.#to('osc-begin', 'begin')
    if (code === 0x90 || code === 0x98 || code === 0x9e || code === 0x9f) return this.#to('string', 'begin')
    return this.#to('ground', code === 0x9c ? 'unseen' : MOVING_C1.has(code) ? 'moved' : 'may-move')
  }

  #to(state: State, seen: Seen): Seen {
    this.#state = state
    this.#marks = ''
    this.#number = 0
    this.#first = undefined
    this.#mayMove = false
    if (this.#modes.size > 0) this.#modes.clear()
    this.#isIgnored = false
    this.#isBegun = false
    this.#hasIntermediate = false
    return seen
  }
}

type State = 'ground' | 'escape' | 'intermediate' | 'csi' | 'osc-begin' | 'osc' | 'string' | 'colour'

function shown(code: number): 'text' | 'unseen' {
  if (code < 0x20) return code >= 0x08 && code <= 0x0d ? 'text' : 'unseen'
  if (code < DEL) return 'text'
  if (code < 0xa0) return 'unseen'
  return isUnseen(code) ? 'unseen' : 'text'
}

/** P, X, ^, _ (DCS, SOS, PM, APC) and k, the title of a screen. */
const STRINGS = new Set([0x50, 0x58, 0x5e, 0x5f, 0x6b])
const BEL = 0x07
const CAN = 0x18
const SUB = 0x1a
const ESC = 0x1b
const DEL = 0x7f

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39
const HEX = /[\da-fA-F]/
/** Greater numbers say the same. */
const MAX_COUNT = 99_999
/** Of more marks than this no sequence is listed. */
const MARKS = 3
/** `CSI ? 2 l` makes a VT52 of it, `CSI 3 h` shows controls. */
const VT52_MODE = 2
const CONTROLS_MODE = 3
/**
 * Finals of control sequences, behind their marks: colours, erasing, editing in the line, modes, tabs, reports, the cursor's form.
 * Not `s`, which sets margins where left and right ones are on (`CSI ? 69 h`), nor `!p`, which puts them back.
 */
const STILL = new Set(
  ['m', 'K', 'J', '@', 'P', 'X', 'h', 'l', 'c', 'n', 'g', 'q', 'x'].concat(
    ['?K', '?J', '?m', '?n', '?s', '?u', '>c', '>m', '>n', '>p', '>q', '>t', '>u', '<u', '=u', '=c'],
    [' q', '"q', '$p', '?$p'],
  ),
)
/** Private modes that clear the screen, choose another, or move the cursor; 2 is VT52. */
const MOVING_MODES = new Set([2, 3, 5, 6, 40, 47, 69, 95, 1046, 1047, 1048, 1049])
/** Reports, titles and their stack. */
const STILL_WINDOW = new Set([11, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23])
/** `7`, `=`, `>`, `\\`, N, O, Z, and the character sets `n o | } ~`. Not H, which a VT52 goes home by. */
const STILL_ESCAPES = new Set(Array.from('7=>\\NOZno|}~', (character) => character.charCodeAt(0)))
/** Finals of control sequences without marks that move the cursor, or the lines below it. */
const MOVING = /[A-IZLMSTadefjkru`]/
/** 8, D, E, M, c. */
const MOVING_ESCAPES = new Set([0x38, 0x44, 0x45, 0x4d, 0x63])
/** IND, NEL, RI. */
const MOVING_C1 = new Set([0x84, 0x85, 0x8d])
