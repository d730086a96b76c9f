import { item } from '../../../shared/item.ts'
import { matchesStep } from '../policy/routes.ts'

/**
 * Finds the few paths of a document that a request may be on, of thousands: a tree by their steps. It only chooses candidates, and never leaves out a path
 * that `matchesSteps` (`exact`) or `matchesLoosely` (`loose`) says yes to; whoever asks decides by these. Candidates are in the order of the document.
 */
export class PathIndex<T> {
  readonly #items: readonly T[]
  readonly #root = newNode()
  /** Paths with stars, which may be longer than they look, by their places. */
  readonly #open: number[] = []

  constructor(items: readonly T[], stepsOf: (item: T) => readonly string[]) {
    this.#items = items
    for (const [place, one] of items.entries()) {
      const steps = stepsOf(one)
      if (steps.some((step) => step.includes('*'))) this.#open.push(place)
      else addTo(this.#root, steps, place)
    }
  }

  /** Those that a path may be on as it stands. */
  exact(segments: readonly string[]): T[] {
    const found = new Set(this.#open)
    walk(this.#root, segments, (node, at) => {
      if (at === segments.length) for (const place of node.ends) found.add(place)
    })
    return this.#inOrder(found)
  }

  /** Those that some server may take a path for; both are folded, and these are the ways of the path (`waysOf`). */
  loose(ways: readonly (readonly string[])[]): T[] {
    const found = new Set(this.#open)
    for (const way of ways)
      walk(this.#root, way, (node, at) => {
        // What follows the name of a script is given to the script: of those that end here, whoever asks looks at the last step.
        for (const place of node.ends) found.add(place)
        if (at === way.length - 1) addStems(node, way[at] ?? '', found)
      })
    return this.#inOrder(found)
  }

  #inOrder(places: ReadonlySet<number>): T[] {
    return [...places].toSorted((a, b) => a - b).map((place) => item(this.#items, place))
  }
}

/** What paths have in common up to here. */
interface Node {
  readonly texts: Map<string, Node>
  /** Steps with names, and with encoded slashes. */
  readonly patterns: Map<string, Node>
  /** Places of the paths that end here. */
  readonly ends: number[]
  /** Of the texts that paths end with: those of each stem, which is the text up to any of its dots, or all of it. */
  readonly stems: Map<string, Node[]>
  longestStem: number
}

const newNode = (): Node => ({ texts: new Map(), patterns: new Map(), ends: [], stems: new Map(), longestStem: 0 })

function addTo(root: Node, steps: readonly string[], place: number): void {
  let node = root
  for (const [at, step] of steps.entries()) {
    const isPattern = step.includes('{') || step.includes('/')
    const known = isPattern ? node.patterns : node.texts
    const next = known.get(step) ?? newNode()
    known.set(step, next)
    if (!isPattern && at === steps.length - 1) addStem(node, step, next)
    node = next
  }
  node.ends.push(place)
}

function addStem(node: Node, step: string, last: Node): void {
  const stem = step.replace(/\.[^.]*$/, '')
  for (const one of stem === step ? [step] : [step, stem]) {
    const known = node.stems.get(one)
    if (known?.includes(last) !== true) node.stems.set(one, [...(known ?? []), last])
    node.longestStem = Math.max(node.longestStem, one.length)
  }
}

/** The paths that end with a text of which a segment is the stem, or has it. */
function addStems(node: Node, segment: string, found: Set<number>): void {
  const add = (ends: readonly number[]): void => {
    for (const place of ends) found.add(place)
  }
  for (const next of node.patterns.values()) add(next.ends)
  const most = Math.min(segment.length, node.longestStem)
  for (let end = 0; end <= most; end++)
    if (end === segment.length || segment[end] === '.')
      for (const next of node.stems.get(segment.slice(0, end)) ?? []) add(next.ends)
}

/** Goes to each node whose steps fit the segments up to it. */
function walk(root: Node, segments: readonly string[], visit: (node: Node, at: number) => void): void {
  const go = (node: Node, at: number): void => {
    visit(node, at)
    const segment = segments[at]
    if (segment === undefined) return
    const same = node.texts.get(segment)
    if (same !== undefined) go(same, at + 1)
    for (const [step, next] of node.patterns) if (matchesStep(step, segment)) go(next, at + 1)
  }
  go(root, 0)
}
