import type { MaskedPointer } from '../../../masking/plan.ts'
import { ANY_DEPTH, type PointerStep } from '../../../shared/field-path.ts'
import { isSameName } from '../policy/alike.ts'

/**
 * Where in a document of JSON something is, as far as pointers of rules go on from there. A step from a place to what is in it is worked out once:
 * lists repeat the same names.
 */
export class FieldPlaces {
  /** The pointer that leads here; all of this is masked by it. */
  readonly masked: MaskedPointer | undefined
  readonly #open: readonly Open[]
  readonly #members = new Map<string, FieldPlaces>()
  /** Of elements of an array, where their number is of no importance. */
  #element: FieldPlaces | undefined

  private constructor(open: readonly Open[]) {
    this.#open = open
    this.masked = open.find(({ pointer, at }) => at === pointer.steps.length)?.pointer
  }

  /** The whole of a document; undefined where no pointers are given. */
  static of(pointers: readonly MaskedPointer[]): FieldPlaces | undefined {
    return pointers.length === 0 ? undefined : placesOf(pointers.map((pointer) => ({ pointer, at: 0 })))
  }

  /** A member of this object. Names are the same to some readers that differ in case and punctuation: none of them is shown. */
  member(name: string): FieldPlaces {
    const known = this.#members.get(name)
    if (known !== undefined) return known
    const found = this.#next((step) => isSameName(name, step), [])
    if (this.#members.size < MAX_KNOWN) this.#members.set(name, found)
    return found
  }

  /** An element of this array. A pointer may name its number; one that does not goes on in every element. */
  element(index: number): FieldPlaces {
    if (this.#element !== undefined) return this.#element
    const found = this.#next((step) => step === String(index), this.#open)
    const isNumbered = this.#open.some(({ pointer, at }) => NUMBER.test(String(pointer.steps[at])))
    if (!isNumbered) this.#element = found
    return found
  }

  #next(matches: (step: string) => boolean, kept: readonly Open[]): FieldPlaces {
    const next = [...kept]
    for (const one of this.#open) {
      const step: PointerStep | undefined = one.pointer.steps[one.at]
      if (step === ANY_DEPTH) next.push(one)
      else if (step === null || (step !== undefined && matches(step))) next.push({ ...one, at: one.at + 1 })
    }
    return placesOf(next)
  }

  static readonly make = (open: readonly Open[]): FieldPlaces => new FieldPlaces(open)
}

interface Open {
  readonly pointer: MaskedPointer
  /** How many of its steps lead here. */
  readonly at: number
}

/** `**` also stands for nothing. Each only once. */
function placesOf(given: readonly Open[]): FieldPlaces {
  const open: Open[] = []
  const add = (one: Open): void => {
    if (open.some(({ pointer, at }) => pointer === one.pointer && at === one.at)) return
    open.push(one)
    if (one.pointer.steps[one.at] === ANY_DEPTH) add({ ...one, at: one.at + 1 })
  }
  for (const one of given) add(one)
  return FieldPlaces.make(open)
}

const NUMBER = /^\d+$/
const MAX_KNOWN = 1024
