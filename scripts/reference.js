// The reference of both programs, as pages and as manual pages, from the objects that parse their command lines.
import { createProgram as createPamctl } from '../dist/cli/program.js'
import { EXAMPLES as pamctlExamples } from '../dist/cli/examples.js'
import { createProgram as createGateway } from '../dist/server/program.js'
import { EXAMPLES as gatewayExamples } from '../dist/server/examples.js'
import { VARIABLES } from '../dist/shared/environment.js'
import { errorCodes, exitCodes } from '../dist/shared/error-codes.js'

const nothing = () => {}
const programs = [
  {
    section: 1,
    ...read(
      createPamctl(() => nothing, nothing),
      pamctlExamples,
    ),
    exits: exitCodes,
  },
  {
    section: 8,
    ...read(createGateway(nothing), gatewayExamples),
    exits: {
      0: 'done; `check`: the configuration is valid',
      1: '`check`: a test or a connection failed; otherwise an error of the gateway itself',
      [errorCodes.USAGE.exit]: 'wrong usage, or a configuration that is not valid',
    },
  },
]

/** Path to text. */
export const references = Object.fromEntries(
  programs.flatMap((program) => [
    [`docs/reference/${program.name}.md`, page(program)],
    [`man/${program.name}.${program.section}`, manual(program)],
  ]),
)

function read(program, examples) {
  const help = program.createHelp()
  const shown = (command) => help.visibleCommands(command).filter((child) => child.name() !== 'help')
  const verbsOf = (command, words) => {
    const children = shown(command)
    const below = children.flatMap((child) => verbsOf(child, [...words, child.name()]))
    const lines = examples[words.join(' ')] ?? []
    if (lines.length === 0 && below.length > 0) return below
    const verb = {
      usage: help.commandUsage(command).replace(/\|\S+/, ''),
      title: [program.name(), ...words].join(' '),
      aliases: command.aliases(),
      about: command.description(),
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        about: [argument.description, choices(argument.argChoices)].filter((text) => text !== '').join('; '),
      })),
      options: help
        .visibleOptions(command)
        .filter(({ long }) => long !== '--help')
        .map(optionOf),
      examples: lines,
    }
    return [verb, ...below]
  }
  const groups = new Map()
  for (const command of shown(program)) {
    const group = command.helpGroup().replace(/:$/, '')
    groups.set(group, [...(groups.get(group) ?? []), command])
  }
  return {
    name: program.name(),
    about: program.description(),
    globals: help.visibleOptions(program).map(optionOf),
    groups: [...groups].map(([name, commands]) => ({
      name,
      verbs: commands.flatMap((command) => verbsOf(command, [command.name()])),
    })),
    variables: Object.entries(VARIABLES)
      .filter(([, { read: by }]) => by === program.name())
      .map(([name, { what }]) => ({ name, what })),
    passed: Object.entries(VARIABLES)
      .filter(([, { read: by }]) => by === 'client' && program.name() === 'pamctl')
      .map(([name, { what }]) => ({ name, what })),
  }
}

function optionOf({ flags, description, defaultValue, defaultValueDescription, argChoices, envVar, mandatory }) {
  const byDefault = defaultValueDescription ?? defaultValue
  const hasDefault = byDefault !== undefined && byDefault !== '' && byDefault !== true && !Array.isArray(byDefault)
  return {
    flags,
    about: [
      description,
      ...(argChoices === undefined ? [] : [choices(argChoices)]),
      ...(hasDefault ? [`default: ${byDefault}`] : []),
      ...(mandatory ? ['required'] : []),
    ].join('; '),
    variable: envVar ?? '',
  }
}

function choices(values) {
  return values === undefined ? '' : `one of ${values.join(', ')}`
}

/** A program's name, and a value that is explained (`file: …`), are written as they are. */
function capital(text) {
  return text.startsWith('pam') || /^\w+:/.test(text) ? text : `${text[0].toUpperCase()}${text.slice(1)}`
}

function page({ name, about, globals, groups, variables, passed, exits }) {
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
  const code = (text) => `\`${text.replaceAll('|', '\\|')}\``
  const table = (rows) =>
    rows.length === 0
      ? []
      : [
          [
            '| option | meaning | variable |',
            '| --- | --- | --- |',
            ...rows.map(
              ({ flags, about: what, variable }) =>
                `| ${code(flags)} | ${cell(what)} | ${variable === '' ? '' : code(variable)} |`,
            ),
          ].join('\n'),
        ]
  const verb = ({ usage, title, aliases, about: what, arguments: args, options, examples }) => [
    `### ${title}`,
    `\`${usage}\`${aliases.length === 0 ? '' : `; also called ${aliases.map(code).join(', ')}`}`,
    `${capital(what)}.`,
    ...args.filter((one) => one.about !== '').map((one) => `\`${one.name}\`: ${cell(one.about)}.`),
    ...table(options),
    ...(examples.length === 0 ? [] : [`\`\`\`sh\n${examples.join('\n')}\n\`\`\``]),
  ]
  const list = (rows) =>
    ['| variable | meaning |', '| --- | --- |', ...rows.map((row) => `| ${code(row.name)} | ${cell(row.what)} |`)].join(
      '\n',
    )
  return `${[
    `# ${name}`,
    `${capital(about)}. This page is written by \`npm run docs\`; \`man ${name}\` shows the same.`,
    '## Global options',
    ...(name === 'pamctl' ? ['They can be given before or after a command.'] : []),
    ...table(globals),
    ...groups.flatMap((group) => [`## ${group.name}`, ...group.verbs.flatMap(verb)]),
    '## Environment variables',
    'An option that is given wins over its variable.',
    list(variables),
    ...(passed.length === 0 ? [] : ['The clients that `pamctl connect` starts are given these:', list(passed)]),
    '## Exit codes',
    [
      '| code | meaning |',
      '| --- | --- |',
      ...Object.entries(exits).map(([exit, what]) => `| ${exit} | ${cell(what)} |`),
    ].join('\n'),
  ].join('\n\n')}\n`
}

/** man(7), and nothing of it that only one formatter has. */
function manual({ name, section, about, globals, groups, variables, passed, exits }) {
  const option = ({ flags, about: what, variable }) => [
    '.TP',
    `\\fB${roff(flags).replace(/(&lt;)|([<[][^>\]]*[>\]])/g, (whole) => `\\fI${whole}\\fB`)}\\fR`,
    roff(`${capital(what)}.${variable === '' ? '' : ` Variable: ${variable}.`}`),
  ]
  const item = (term, what) => ['.TP', `\\fB${roff(term)}\\fR`, roff(`${capital(what.replaceAll('`', ''))}.`)]
  const verb = ({ usage, aliases, about: what, arguments: args, options, examples }) => [
    '.TP',
    `\\fB${roff(usage)}\\fR`,
    roff(`${capital(what)}.${aliases.length === 0 ? '' : ` Also called ${aliases.join(', ')}.`}`),
    '.RS',
    ...args.filter((one) => one.about !== '').flatMap((one) => item(one.name, one.about)),
    ...options.flatMap(option),
    ...(examples.length === 0
      ? []
      : ['.PP', examples.length === 1 ? 'Example:' : 'Examples:', '.PP', '.nf', ...examples.map(roff), '.fi']),
    '.RE',
  ]
  return `${[
    '.\\" Written by "npm run docs".',
    `.TH ${name.toUpperCase()} ${section}`,
    '.SH NAME',
    roff(`${name} - ${about}`),
    '.SH SYNOPSIS',
    `\\fB${roff(name)}\\fR [\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]`,
    '.SH DESCRIPTION',
    roff(`${capital(about)}. "${name} help COMMAND" shows the help of one command.`),
    '.SH OPTIONS',
    ...globals.flatMap(option),
    ...groups.flatMap((group) => [`.SH ${roff(group.name.toUpperCase())}`, ...group.verbs.flatMap(verb)]),
    '.SH ENVIRONMENT',
    'An option that is given wins over its variable.',
    ...variables.flatMap((row) => item(row.name, row.what)),
    ...(passed.length === 0
      ? []
      : [
          '.PP',
          'The clients that pamctl connect starts are given these:',
          ...passed.flatMap((row) => item(row.name, row.what)),
        ]),
    '.SH EXIT STATUS',
    ...Object.entries(exits).flatMap(([exit, what]) => item(exit, what)),
    '.SH SEE ALSO',
    section === 1 ? '\\fBpam\\-gateway\\fR(8)' : '\\fBpamctl\\fR(1)',
  ].join('\n')}\n`
}

/** Text that a formatter prints as it is: escapes, hyphens that are to be copied, and no line that begins as a request does. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replace(/\b[A-Z]+_[A-Z_]+\b/g, (name) => `\\%${name}`)
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('…', '\\[u2026]')
    .replaceAll('’', '\\(cq')
    .replace(/^\./, '\\&.')
}
