import type { Command, Option } from 'commander'
import { nearestWord } from './nearest-word.ts'

/** Command lines to learn a command from, by the command's words without the program: `audit verify`. */
export type Examples = Readonly<Record<string, readonly string[]>>

/**
 * What a program and each of its commands say with `--help`, and `help COMMAND` for each that has others. Call it once all commands are
 * there. Options that every command takes are named and described on the program's own page alone.
 */
export function addHelp(program: Command, examples: Examples): void {
  const globals = program.options.filter(({ hidden, long }) => !hidden && long !== '--version')
  const visit = (command: Command, words: readonly string[]): void => {
    const children = [...command.commands]
    describe(command, examples[words.join(' ')] ?? [], words.length === 0 ? [] : globals, program.name())
    if (children.length > 0) addHelpCommand(command)
    for (const child of children) visit(child, [...words, child.name()])
  }
  visit(program, [])
}

function describe(command: Command, examples: readonly string[], globals: readonly Option[], program: string): void {
  command.configureHelp({
    // That a command has options is said by its own page; what it cannot do without belongs in the list.
    subcommandTerm: (child) => [child.name(), ...child.registeredArguments.map(termOf)].join(' '),
  })
  if (command.commands.length > 0) {
    // The library shows the help of the parent for a command that there is not, as if it had been found.
    command.addHelpText('before', () => {
      const [word] = command.args
      if (word !== undefined && !word.startsWith('-')) unknownCommand(command, word)
      return ''
    })
  }
  const blocks = [
    ...(examples.length === 0 ? [] : [`Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`]),
    ...(globals.length === 0
      ? []
      : [`Global options, described by "${program} --help":\n  ${globals.map(flagOf).join(', ')}`]),
    ...(command.commands.length === 0
      ? []
      : [`"${pathOf(command)} COMMAND --help" shows the options of a command, and examples.`]),
  ]
  if (blocks.length > 0) command.addHelpText('after', `\n${blocks.join('\n\n')}`)
}

const termOf = (argument: { name(): string; readonly variadic: boolean; readonly required: boolean }): string => {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

const flagOf = ({ long, short }: Option): string => long ?? short ?? ''

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`

/** The library's own shows all help for a command that there is not. */
function addHelpCommand(parent: Command): void {
  parent
    .helpCommand(false)
    .command('help [command...]')
    .usage('[command]')
    .description('show the help of a command')
    .helpGroup(parent.parent === null ? 'Help:' : '')
    .action((path: readonly string[]) => {
      let found = parent
      for (const word of path) {
        const next = found.commands.find((command) => command.name() === word || command.aliases().includes(word))
        if (next === undefined) return unknownCommand(found, word)
        found = next
      }
      // What was parsed is the line that asks for help, and no command of its own.
      found.args = []
      found.help()
    })
}

function unknownCommand(parent: Command, word: string): never {
  const meant = nearestWord(
    word,
    parent
      .createHelp()
      .visibleCommands(parent)
      .flatMap((command) => [command.name(), ...command.aliases()]),
  )
  parent.error(`error: unknown command '${word}'${meant === undefined ? '' : `\n(Did you mean ${meant}?)`}`, {
    code: 'commander.unknownCommand',
  })
}
