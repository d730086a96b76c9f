import { forEachChild, type Assignment, type Command, type SyntaxNode } from 'unbash'
import type { Settings } from './variables.ts'
import { literal } from './words.ts'

const UNCLEAR = { isSingle: false, isOperand: false }

/** Notes each variable that a script may set, wherever in it: loops and functions run what stands after them first. */
export function noteSettings(node: SyntaxNode, settings: Settings): void {
  if (node.type === 'Assignment') noteAssignment(node, settings)
  if (node.type === 'For') {
    const name = literal(node.name) ?? ''
    if (node.wordlist === undefined) settings.note(name, UNCLEAR)
    for (const word of node.wordlist ?? []) settings.note(name, literal(word) ?? UNCLEAR)
  }
  if (node.type === 'Select') settings.note(literal(node.name) ?? '', UNCLEAR)
  if (node.type === 'ParameterExpansion' && node.operation?.type === 'Default' && node.operation.operator.endsWith('='))
    settings.note(node.parameter, literal(node.operation.operand) ?? UNCLEAR)
  if (node.type === 'FileDescriptorVariable') settings.noteContent(node.name, 'digits')
  if (node.type === 'Command') noteBuiltin(node, settings)
  if (node.type === 'Function') settings.noteFunction()
  forEachChild(node, (child) => noteSettings(child, settings))
}

function noteAssignment({ name, value, append }: Assignment, settings: Settings): void {
  const isNumber = value.type === 'Word' && /^\$\(\(.*\)\)$/s.test(value.text) && value.parts?.length === 1
  if (isNumber && append !== true) settings.noteContent(name, 'digits')
  else if (value.type === 'ArrayValue') settings.noteArray(name)
  else settings.note(name, append === true || value.type !== 'Word' ? UNCLEAR : (literal(value) ?? UNCLEAR))
}

/** Builtins that set variables by name, whatever runs them. */
function noteBuiltin({ name, args }: Command, settings: Settings): void {
  if (name === undefined) return
  const words = [name, ...args].map((word) => (word.type === 'Word' ? literal(word) : word.name))
  const at = words.findIndex((word) => word !== null && SETTING.has(word))
  const builtin = words[at]
  if (typeof builtin !== 'string') return
  for (const word of words.slice(at + 1)) {
    if (word === null) settings.noteAny()
    else {
      const [, variable, value] = /^([A-Za-z_]\w*)(=.*)?$/s.exec(word) ?? []
      // Assignments among the words are nodes of their own.
      if (variable !== undefined && (value !== undefined || !DECLARING.has(builtin)))
        settings.note(variable, value === undefined ? UNCLEAR : value.slice(1))
      if (variable !== undefined && FILLING.has(builtin)) settings.noteArray(variable)
    }
  }
}

const DECLARING = new Set('declare export local readonly typeset'.split(' '))
/** Some of these make arrays. */
const FILLING = new Set(['read', 'mapfile', 'readarray'])
const SETTING = new Set([...DECLARING, ...'read mapfile readarray getopts printf env'.split(' ')])
