import { CommanderError, type Command } from 'commander'
import { expect } from 'vitest'
import type { Examples } from '../../src/shared/program-help.ts'

/** All commands that do something and that help shows, by their words without the program's name. */
export function visibleVerbs(program: Command): Map<string, Command> {
  const found = new Map<string, Command>()
  const visit = (command: Command, words: readonly string[]): void => {
    const children = command
      .createHelp()
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
    const isVerb = words.length > 0 && (children.length === 0 || command.registeredArguments.length > 0)
    if (isVerb || words.join(' ') === 'audit') found.set(words.join(' '), command)
    for (const child of children) visit(child, [...words, child.name()])
  }
  visit(program, [])
  return found
}

/** Every verb has an example, every example is of a verb that there is, and the program parses it with the verb's own options. */
export async function expectExamples(program: Command, examples: Examples): Promise<void> {
  expect(Object.keys(examples).toSorted()).toEqual([...visibleVerbs(program).keys()].toSorted())
  for (const [verb, lines] of Object.entries(examples)) {
    expect([verb, lines.length > 0 && lines.length < 4]).toEqual([verb, true])
    for (const line of lines) {
      const words = wordsOf(line, program.name())
      expect([line, words.slice(0, verb.split(' ').length).join(' ')]).toEqual([line, verb])
      const problem = await program.parseAsync([...words], { from: 'user' }).then(
        () => '',
        (error: unknown) => (error instanceof CommanderError ? error.message : String(error)),
      )
      expect([line, problem]).toEqual([line, ''])
    }
  }
}

/** The words of the program's own part of a shell's line. */
function wordsOf(line: string, name: string): string[] {
  const [, quoted, substituted, plain] =
    new RegExp(`"${name} ([^"]*)"|\\(${name} ([^)]*)\\)|^${name}(?: (.*?))?(?:$| [|<>])`).exec(line) ?? []
  const own = quoted ?? substituted ?? plain ?? ''
  return [...own.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
}
