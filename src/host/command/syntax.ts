import { forEachChild, type SyntaxNode, type Word as WordNode } from 'unbash'
import type { Word } from './options.ts'
import { literal } from './words.ts'

/** Whether this word stands in some command, as its name or behind what runs it. */
export function mentions(node: SyntaxNode, text: string): boolean {
  return some(
    node,
    (one) =>
      one.type === 'Command' && [one.name, ...one.args].some((word) => word?.type === 'Word' && literal(word) === text),
  )
}

export const hasFunction = (node: SyntaxNode): boolean => some(node, ({ type }) => type === 'Function')

function some(node: SyntaxNode, is: (node: SyntaxNode) => boolean): boolean {
  if (is(node)) return true
  let found = false
  forEachChild(node, (child) => {
    found ||= some(child, is)
  })
  return found
}

/** The value of an assignment: in $'…' as well, which is how people write a line break. */
export function valueOf(node: WordNode): Word {
  const [part, ...more] = node.parts ?? []
  if (part?.type === 'AnsiCQuoted' && more.length === 0) return part.value
  return literal(node) ?? { isSingle: true, isOperand: false }
}

/** Whether an index of an array may stand in an element of one: `[x]=…`. */
export const hasIndex = (text: string): boolean =>
  text.startsWith('[') || (text.includes('[') && text.indexOf('[') < text.lastIndexOf('='))
