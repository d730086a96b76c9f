import { PROGRAMS, WRAPPERS, type Option, type Program } from './programs.ts'
import type { Random } from './random.ts'
import {
  PATHS,
  DIRECTORIES,
  NAMES,
  ODD_PATHS,
  GLOBS,
  PLAIN_WORDS,
  ODD_WORDS,
  EVIL_NAMES,
  NUMBERS,
  PLAIN_VARIABLES,
  VARIABLES,
  PUNCTUATION,
} from './words.ts'

/**
 * Makes up shell scripts. Most of what it writes is plain, so that the gateway understands it; the rest is what shells
 * have besides: every form of quoting, expansion, assignment, redirection and compound command, in odd places.
 */
export class Grammar {
  readonly #random: Random
  #depth = 0

  constructor(random: Random) {
    this.#random = random
  }

  script(): string {
    const random = this.#random
    const count = random.weighted([
      [50, 1],
      [30, 2],
      [15, 3],
      [5, 4],
    ])
    let text = this.#statement()
    for (let at = 1; at < count; at++) {
      const between = random.weighted([
        [40, '; '],
        [20, '\n'],
        [20, ' && '],
        [8, ' || '],
        [6, ' | '],
        [2, ' & '],
        [1, ' |& '],
        [1, ' &\n'],
        [1, ' # comment\n'],
        [1, ' \\\n&& '],
      ])
      text += `${between}${this.#statement()}`
    }
    return text
  }

  /** A piece of text to put anywhere: for those who change scripts. */
  piece(): string {
    return this.#random.pick([
      () => this.#word(),
      () => this.#path(),
      () => this.#command(),
      () => this.#expansion(),
      () => this.#redirection(),
      () => this.#assignment(),
      () => this.#option(this.#random.pick([...PROGRAMS, ...WRAPPERS])),
      () => this.#random.pick(PUNCTUATION),
    ])()
  }

  #statement(): string {
    if (this.#depth > 2) return this.#command()
    this.#depth++
    const text = this.#random.weighted<() => string>([
      [70, () => this.#command()],
      [5, () => `${this.#command()} | ${this.#command()}`],
      [9, () => this.#compound()],
      [7, () => this.#builtin()],
      [5, () => this.#assignments()],
      [5, () => this.#overwritten()],
      [4, () => this.#hereDocument()],
    ])()
    this.#depth--
    return text
  }

  #command(): string {
    const random = this.#random
    let text = ''
    if (random.chance(5)) text += `${this.#assignment()} `
    if (random.chance(3)) text += this.#transfer()
    else if (random.chance(14)) text += this.#wrapped()
    else if (random.chance(7)) text += this.#find()
    else if (random.chance(4)) text += this.#shell()
    else text += this.#program(random.pick(random.chance(25) ? FAVOURITES : PROGRAMS))
    if (random.chance(18)) text = this.#withRedirection(text)
    if (random.chance(2)) text = `! ${text}`
    return text
  }

  /** What the clients of scp, rsync and git have the target run. */
  #transfer(): string {
    const random = this.#random
    const path = (): string => (random.chance(60) ? random.pick(PATHS) : this.#path())
    return random.weighted<() => string>([
      [
        30,
        () =>
          `scp ${random.pick(['-f', '-t', '-r -f', '-r -t', '-p -f', '-d -t', '-rt', '-v -f', '-tf', '-S ./tool -f'])} ${random.chance(15) ? '-- ' : ''}${path()}`,
      ],
      [
        20,
        () =>
          `rsync --server ${random.chance(60) ? '--sender ' : ''}-${random.pick(['', 'v', 'l', 'L', 'r', 'k', 'K', 'b', 's'])}logDtpre.iLsfxCIvu ${random.pick(['', '--delete ', '--copy-unsafe-links ', '--safe-links ', '--log-file=new ', '--partial '])}. ${random.chance(15) ? `${random.pick(['-L', '--log-file=new', '-k'])} ` : ''}${path()}`,
      ],
      [8, () => `git-upload-pack ${path()}`],
      [4, () => `git-receive-pack '${path()}'`],
    ])()
  }

  #withRedirection(text: string): string {
    return this.#random.chance(85) ? `${text} ${this.#redirection()}` : `${this.#redirection()} ${text}`
  }

  #program(program: Program): string {
    const random = this.#random
    const name = random.weighted([
      [85, program.name],
      [5, `/bin/${program.name}`],
      [4, `/usr/bin/${program.name}`],
      [2, this.#quoted(program.name)],
      [1, `\\${program.name}`],
      [1, `bin/${program.name}`],
      [1, `./${program.name}`],
      [1, `/mnt/u/bin/${program.name}`],
    ])
    if (program.name === 'dd') return `${name} ${this.#dd()}`
    if (program.name === 'find') return this.#find()
    const words: string[] = []
    const options = random.weighted([
      [35, 0],
      [40, 1],
      [18, 2],
      [7, 3],
    ])
    for (let at = 0; at < options; at++) words.push(this.#option(program))
    const operands = this.#operands(program.operands)
    if (random.chance(6)) operands.unshift('--')
    // GNU takes options behind operands as well.
    const all = random.chance(15) ? [...operands, ...words] : [...words, ...operands]
    return [name, ...all].join(' ')
  }

  #operands(shape: string): string[] {
    const found: string[] = []
    for (const [, kind = '', many] of shape.matchAll(/(\w)([*?]?)/g)) {
      const count =
        many === '*'
          ? this.#random.weighted([
              [10, 0],
              [60, 1],
              [25, 2],
              [5, 3],
            ])
          : many === '?'
            ? this.#random.below(2)
            : 1
      for (let at = 0; at < count; at++) found.push(this.#operand(kind))
    }
    return found
  }

  #operand(kind: string): string {
    const random = this.#random
    switch (kind) {
      case 'P':
        return this.#path()
      case 'N':
        return random.pick(NUMBERS)
      case 'M':
        return random.pick(['u+x', '644', '755', '-x', '+r', 'a=r', '0', '-w', 'g-w', '-r', '--'])
      case 'O':
        return random.pick(['nobody', '65534', ':', ':nogroup', 'nobody:nogroup'])
      case '0':
        return '0'
      default:
        return this.#word()
    }
  }

  #option(program: Program): string {
    const random = this.#random
    if (program.options.length === 0) return random.chance(80) ? '--' : this.#word()
    const option = random.pick(program.options)
    const { short, long } = option
    if (long !== undefined && (short === undefined || random.chance(45))) return this.#longOption(option, program, long)
    const value =
      option.value === undefined || (option.isOptional && random.chance(50)) ? undefined : this.#value(option.value)
    let letters = `${short}`
    // Options in one bundle.
    if (random.chance(25)) {
      const other = random.pick(program.options)
      if (other.short !== undefined && (other.value === undefined || random.chance(20)))
        letters = random.chance(80) ? `${other.short}${letters}` : `${letters}${other.short}`
    }
    if (value === undefined) return `-${letters}`
    if (option.isOptional) return `-${letters}${value}`
    return random.chance(60) ? `-${letters} ${value}` : `-${letters}${value}`
  }

  #longOption(option: Option, program: Program, long: string): string {
    const random = this.#random
    let name = long
    if (random.chance(30)) {
      const others = program.options.flatMap((other) =>
        other.long === undefined || other.long === long ? [] : [other.long],
      )
      const lengths = Array.from({ length: long.length - 1 }, (_, index) => index + 1).filter(
        (length) => random.chance(10) || !others.some((other) => other.startsWith(long.slice(0, length))),
      )
      if (lengths.length > 0) name = long.slice(0, random.pick(lengths))
    }
    const plain = random.chance(4) ? this.#quoted(`--${name}`) : `--${name}`
    if (option.value === undefined) return random.chance(3) ? `${plain}=${this.#word()}` : plain
    if (option.isOptional && random.chance(50)) return plain
    const value = this.#value(option.value)
    return option.isOptional || random.chance(60) ? `${plain}=${value}` : `${plain} ${value}`
  }

  #value(kind: string): string {
    const random = this.#random
    switch (kind) {
      case 'FILE':
      case 'DIR':
        return this.#path()
      case 'PROGRAM':
        return random.pick(['./tool', 'rm', 'cat', '/mnt/u/tool', 'tool', 'gzip', 'bin/cat'])
      case 'COMMAND':
        return random.pick(["'rm a'", "'cat vault/secret'", 'rm', './tool', '\'sh -c "rm a"\''])
      case 'N':
      case 'NUM':
      case 'SIZE':
        return random.pick(NUMBERS)
      case 'PATTERN':
      case 'STRING':
        return random.pick(['o', 'x', 'e', "'*'", "''", 'secret', 'a', ',', "'[a-z]*'", './tool'])
      case 'CHAR':
        return random.pick([',', ':', "' '", "'\\n'", "''", "'\\0'", 'x'])
      case 'MODE':
        return random.pick(['644', '0', 'L', '755', 'u+x'])
      case 'ACTION':
        return random.pick(['read', 'skip', 'recurse', 'recurs', 'r', 'exec=./tool'])
      case 'SIG':
        return random.pick(['TERM', 'KILL', '0', '9', 'INT'])
      case 'LIST':
        return random.pick(['1', '1,2', '1-', '-2', 'all', 'mode', 'links', 'size'])
      case 'WHEN':
        return random.pick(['always', 'never', 'auto'])
      case 'CONTROL':
        return random.pick(['t', 'numbered', 'simple', 'none', 'off'])
      case 'SUFFIX':
        return random.pick(['.bak', '~', '/../vault/x', '/x', '.gz'])
      case 'FORMAT':
        return random.pick(['%s', "'%n %s'", 'x1', 'c', '%g', './tool'])
      case 'RADIX':
        return random.pick(['d', 'x', 'o', 'n'])
      case 'OWNER':
        return random.pick(['nobody', 'nogroup', '65534'])
      case 'SED':
        return random.pick(['s/o/x/', "'1e rm a'", "'w vault/x'", "'s/o/rm a/e'", "'r vault/secret'", 'p', '1d'])
      case 'DATE':
      case 'STAMP':
        return random.pick(['now', '@0', '202001010101', 'yesterday', "'@1'"])
      case 'NAME':
        return random.pick(VARIABLES)
      case 'ASSIGN':
        return this.#assignment()
      default:
        return random.chance(50) ? random.pick(PLAIN_WORDS) : this.#word()
    }
  }

  #dd(): string {
    const random = this.#random
    const pieces = [
      `if=${this.#path()}`,
      `of=${this.#path()}`,
      `bs=${random.pick(NUMBERS)}`,
      `count=${random.pick(NUMBERS)}`,
      `conv=${random.pick(['notrunc', 'sync', 'fsync', 'excl', 'nocreat'])}`,
      `iflag=${random.pick(['append', 'nofollow', 'directory'])}`,
      'status=none',
    ]
    return pieces.filter(() => random.chance(45)).join(' ')
  }

  #find(): string {
    const random = this.#random
    const starts = Array.from({ length: random.below(3) }, () => this.#path())
    const pieces = Array.from({ length: random.below(4) }, () =>
      random.weighted<() => string>([
        [15, () => `-name ${this.#value('PATTERN')}`],
        [8, () => `-type ${random.pick(['f', 'd', 'l', 'f,d'])}`],
        [6, () => `-maxdepth ${random.pick(NUMBERS)}`],
        [5, () => `-newer ${this.#path()}`],
        [4, () => `-samefile ${this.#path()}`],
        [3, () => '-follow'],
        [8, () => random.pick(['-print', '-print0', '-ls', '-quit', '-prune', '-empty', '-depth', '-xdev'])],
        [4, () => '-delete'],
        [3, () => `-printf ${this.#value('FORMAT')}`],
        [3, () => `${random.pick(['-fprint', '-fls', '-fprint0'])} ${this.#path()}`],
        [2, () => `-fprintf ${this.#path()} %p`],
        [2, () => `-files0-from ${this.#path()}`],
        [3, () => random.pick(['-o', '!', '-not', '-a', '-true', ',', '\\(', '\\)'])],
        [
          14,
          () =>
            `${random.pick(['-exec', '-exec', '-execdir', '-ok'])} ${this.#simple()} {} ${random.pick(['\\;', '+', "';'", '";"'])}`,
        ],
      ])(),
    )
    const links = random.chance(15) ? `${random.pick(['-L', '-H', '-P', '-O2', '-D stat'])} ` : ''
    return `find ${links}${[...starts, ...pieces].join(' ')}`
  }

  #simple(): string {
    const random = this.#random
    const program = random.pick(FAVOURITES)
    const options = random.chance(35) ? ` ${this.#option(program)}` : ''
    const operands = random.chance(50) ? ` ${this.#operands(program.operands).join(' ')}` : ''
    return `${program.name}${options}${operands}`
  }

  #wrapped(): string {
    const random = this.#random
    const wrapper = random.pick(WRAPPERS)
    const words: string[] = [random.chance(90) ? wrapper.name : `/usr/bin/${wrapper.name}`]
    const options = random.weighted([
      [40, 0],
      [45, 1],
      [15, 2],
    ])
    for (let at = 0; at < options; at++) words.push(this.#option(wrapper))
    if (random.chance(6)) words.push('--')
    if (wrapper.name === 'env' && random.chance(40)) words.push(this.#assignment())
    if (wrapper.name === 'timeout' && random.chance(92)) words.push(random.pick(NUMBERS))
    if (wrapper.name === 'nice' && random.chance(10)) words.push('-5')
    if (['chroot', 'flock', 'taskset', 'chrt'].includes(wrapper.name)) words.push(this.#path())
    const inner = random.weighted<() => string>([
      [60, () => this.#simple()],
      [20, () => this.#program(random.pick(PROGRAMS))],
      [10, () => (this.#depth++ > 3 ? 'true' : this.#wrapped())],
      [5, () => this.#builtin()],
      [5, () => this.#shell()],
    ])()
    if (wrapper.name !== 'xargs') return [...words, inner].join(' ')
    const input = random.pick(['echo a', 'echo vault/secret', "printf '%s\\0' a", 'cat b', 'ls', 'echo -f a', 'find d'])
    const rest = [...words, inner, ...(random.chance(30) ? ['{}'] : [])].join(' ')
    return random.chance(75) ? `${input} | ${rest}` : rest
  }

  #shell(): string {
    const random = this.#random
    const shell = random.pick(['sh', 'bash', 'dash', 'sh', '/bin/sh', '/bin/bash'])
    const option = random.pick([
      '-c',
      '-c',
      '-c',
      '-ec',
      '-uc',
      '-xc',
      '-lc',
      '-c --',
      '-e -c',
      '-ic',
      '--posix -c',
      '-o errexit -c',
      '-nc',
      '',
    ])
    if (this.#depth > 2) return `${shell} -c 'cat a'`
    this.#depth++
    const inner = this.script()
    this.#depth--
    const quoted = random.chance(60) ? quote(inner) : `"${inner.replaceAll(/["\\$`]/g, '\\$&')}"`
    return `${shell} ${option} ${quoted}${random.chance(20) ? ` ${this.#word()} ${this.#word()}` : ''}`
  }

  #compound(): string {
    const random = this.#random
    const inner = (): string => this.#statement()
    return random.weighted<() => string>([
      [10, () => `(${inner()})`],
      [8, () => `{ ${inner()}; }`],
      [10, () => `if ${inner()}; then ${inner()}; ${random.chance(40) ? `else ${inner()}; ` : ''}fi`],
      [
        10,
        () =>
          `for ${random.pick(VARIABLES)} in ${Array.from({ length: 1 + random.below(2) }, () => this.#word()).join(' ')}; do ${inner()}; done`,
      ],
      [4, () => `while ${inner()}; do ${inner()}; break; done`],
      [
        4,
        () =>
          `while read -r ${random.pick(VARIABLES)}; do ${inner()}; done ${random.chance(60) ? `< ${this.#path()}` : ''}`,
      ],
      [2, () => `until ${inner()}; do ${inner()}; break; done`],
      // What stands before the change of directory runs after it, too.
      [3, () => `for i in 1 2; do ${inner()}; ${random.pick(['cd', 'command cd'])} ${random.pick(DIRECTORIES)}; done`],
      [
        7,
        () =>
          `case ${this.#word()} in ${random.chance(20) ? '(' : ''}${this.#word()}${random.chance(30) ? `|${this.#word()}` : ''}) ${inner()};${random.pick([';', ';', ';', ';&', ';;&'])} ${random.chance(50) ? `*) ${inner()};; ` : ''}esac`,
      ],
      [
        4,
        () =>
          `${random.pick(['f', 'ls', 'cat', 'cd', "'ls'", 'sed'])}() { ${inner()}; }; ${random.chance(15) ? `${random.pick(['unset', 'command unset', 'unset -f'])} ${random.pick(['f', 'ls', 'sed'])}; ` : ''}${random.chance(70) ? `${random.pick(['', '', '', 'time ', '! '])}${random.pick(['f', 'ls', 'cat'])} ${this.#word()}` : inner()}`,
      ],
      [1, () => `function f { ${inner()}; }; f`],
      [
        2,
        () =>
          `[[ ${this.#word()} ${random.pick(['=', '==', '-eq', '-nt', '=~', '<'])} ${this.#word()} ]] && ${inner()}`,
      ],
      [2, () => `(( ${this.#arithmetic()} )) || ${inner()}`],
      [1, () => `for ((i = 0; i < 1; i++)); do ${inner()}; done`],
      [1, () => `select x in a b; do ${inner()}; break; done`],
      [1, () => `coproc ${inner()}`],
      [2, () => `time ${random.chance(30) ? '-p ' : ''}${inner()}`],
      [3, () => `(${inner()}) ${this.#redirection()}`],
      [2, () => `{ ${inner()}; } ${this.#redirection()}`],
      [2, () => `${inner()} & wait`],
      [2, () => `(sleep 0.1; ${inner()}) & ${inner()}; wait`],
      [
        1,
        () =>
          `set -- ${this.#word()} ${this.#word()}; ${random.pick(['"$@"', '$1 $2', 'cat "$1"', 'rm $*', 'shift; cat $1'])}`,
      ],
    ])()
  }

  #builtin(): string {
    const random = this.#random
    const name = (): string => (random.chance(88) ? random.pick(VARIABLES) : random.pick(EVIL_NAMES))
    return random.weighted<() => string>([
      [14, () => `cd ${random.chance(12) ? '-P ' : ''}${this.#path()} && ${this.#command()}`],
      [5, () => `cd ${this.#path()}; ${this.#command()}`],
      [2, () => `cd; ${this.#command()}`],
      [2, () => `cd - && ${this.#command()}`],
      [
        4,
        () =>
          `${random.pick(['true', 'false', this.#command()])} ${random.pick(['||', '&&'])} cd /mnt/u/${random.pick(['d', 'vault', 'link', '.'])} ${random.pick(['&&', '||', '&& false ||'])} ${this.#command()}`,
      ],
      [1, () => `${random.pick(['xargs -I{}', 'setsid -f', 'nice', 'command'])} cd /mnt/u/d && ${this.#command()}`],
      [
        6,
        () =>
          `read ${random.pick(['', '-r ', '-r ', '-a ', '-d "" ', '-p x ', '-n 3 ', '-u 0 ', '-t 1 '])}${name()}${random.pick(['', ` < ${this.#path()}`, ` <<< ${this.#word()}`])}; ${this.#use()}`,
      ],
      [
        5,
        () =>
          `printf ${random.chance(30) ? `-v ${name()} ` : ''}${random.pick(['%s', "'%s\\n'", '%d', '%b', "'%q'", 'abc%n', '%i', "'%*d'"])} ${this.#word()}`,
      ],
      [7, () => this.#test()],
      [4, () => `unset ${random.pick(['', '-v ', '-f ', '-n '])}${name()}; ${this.#use()}`],
      [
        5,
        () =>
          `export ${random.pick(['', '-n ', '-p '])}${random.chance(50) ? this.#assignment() : name()}; ${this.#use()}`,
      ],
      [
        5,
        () =>
          `${random.pick(['declare', 'typeset', 'local', 'readonly'])} ${random.pick(['', '-i ', '-n ', '-x ', '-a ', '-r ', '-l ', '-A ', '-g ', '-t '])}${random.chance(60) ? this.#assignment() : name()}; ${this.#use()}`,
      ],
      [
        3,
        () =>
          `${random.pick(['mapfile', 'readarray'])} ${random.pick(['', '-t ', "-C 'rm a;:' -c 1 ", '-n 1 ', '-O 1 ', '-d x '])}${name()} < ${this.#path()}; ${this.#use()}`,
      ],
      [2, () => `REPLY=5; read -r <<< ${random.pick(EVIL_NAMES)}; echo $((REPLY))`],
      [
        2,
        () =>
          `read y <<< ${random.pick(["'(1 $(rm a))'", ...EVIL_NAMES])}; x=(1); ${random.pick(['declare', 'typeset', 'export', 'readonly'])} x="$y"`,
      ],
      [2, () => `getopts ${this.#word()} ${name()} ${this.#word()}; ${this.#use()}`],
      [
        2,
        () =>
          `set ${random.pick(['-e', '-u', '-x', '-f', '+e', '-o pipefail', '-a', '-k', '-n', '-C', '--'])} ${this.#word()}; ${this.#command()}`,
      ],
      [
        2,
        () =>
          `trap ${random.pick(["'rm a'", '-', "''", "'cat vault/secret'"])} ${random.pick(['EXIT', '0', 'DEBUG', 'ERR', 'CHLD'])}; ${this.#command()}`,
      ],
      [3, () => `jobs ${random.pick(['', '-l', '-x rm a', '-p', '-x'])}`],
      [3, () => `wait ${random.pick(['', '$!', '-n', '-n -p x', "-n -p 'a[$(rm a)]'", '%1', '-f'])}`],
      [2, () => `type ${random.pick(['', '-p ', '-a ', '-P '])}${this.#word()}`],
      [2, () => `hash ${random.pick(['', '-r', '-p ./tool ls', '-d ls', '-t ls'])}; ls`],
      [2, () => `ulimit ${random.pick(['', '-a', '-c 0', '-n', '-f 0', '-t 1', "'a[$(rm a)]'"])}`],
      [2, () => `umask ${random.pick(['', '022', '-S', '-p', 'u=rwx', '077'])}`],
      [2, () => `alias ls='rm a'\nls`],
      [2, () => `eval ${this.#command()}`],
      [2, () => `${random.pick(['.', 'source'])} ${this.#path()}`],
      [2, () => `let ${this.#arithmetic().replaceAll(' ', '')}`],
      [
        1,
        () =>
          `shopt -s ${random.pick(['nullglob', 'extglob', 'dotglob', 'globstar', 'expand_aliases', 'lastpipe'])}; ${this.#command()}`,
      ],
      [1, () => `enable -f ./tool x; enable -n test`],
      [2, () => `${random.pick(['pushd', 'popd', 'dirs'])} ${this.#path()}; ${this.#command()}`],
      [2, () => `exec ${this.#redirection()}; ${this.#command()}`],
      [2, () => `exec {${random.pick(VARIABLES)}}${random.pick(['<', '>', '>>'])} ${this.#path()}; ${this.#use()}`],
      [2, () => `: ${this.#expansion()}; ${this.#use()}`],
      [2, () => `shift ${random.pick(['', '1', "'a[$(rm a)]'"])}`],
      [2, () => `return ${random.pick(['', '0', "'a[$(rm a)]'"])}`],
      [1, () => `break ${random.pick(['', '1', "'a[$(rm a)]'"])}`],
      [1, () => `kill -0 $$`],
      [1, () => `compgen ${random.pick(["-C 'rm a'", '-f', '-W "$(rm a)"', '-d'])} x`],
      [1, () => `exit ${random.pick(['', '0', "'a[$(rm a)]'"])}`],
      [1, () => `echo ${this.#path()} ${this.#path()}`],
    ])()
  }

  #test(): string {
    const random = this.#random
    const expression = random.weighted<() => string>([
      [
        20,
        () =>
          `${random.pick(['-e', '-f', '-d', '-r', '-s', '-L', '-n', '-z', '-x', '-v', '-R', '-t', '-o', '-h'])} ${this.#word()}`,
      ],
      [
        20,
        () =>
          `${this.#word()} ${random.pick(['=', '!=', '-eq', '-ne', '-lt', '-gt', '-nt', '-ef', '<', '\\<', '=='])} ${this.#word()}`,
      ],
      [5, () => `${this.#word()} ${this.#word()}`],
      [5, () => this.#word()],
      [5, () => `${this.#word()} -a ${this.#word()}`],
      [3, () => `! ${this.#word()}`],
      [3, () => `\\( ${this.#word()} \\)`],
      [4, () => `${random.pick(['-v', '-eq', '$x'])} ${random.pick(EVIL_NAMES)}`],
    ])()
    return random.chance(50) ? `[ ${expression} ]` : `test ${expression}`
  }

  /** Something that a variable set before may matter for. */
  #use(): string {
    const random = this.#random
    return random.weighted<() => string>([
      [10, () => 'ls'],
      [10, () => 'cat a'],
      [6, () => `cat $${random.pick(PLAIN_VARIABLES)}`],
      [5, () => `cat "$${random.pick(PLAIN_VARIABLES)}"`],
      [5, () => `echo $((${random.pick(PLAIN_VARIABLES)}))`],
      [5, () => `[ "$${random.pick(PLAIN_VARIABLES)}" -eq 1 ]`],
      [4, () => `test $${random.pick(PLAIN_VARIABLES)}`],
      [4, () => `${random.pick(PLAIN_VARIABLES)}=$${random.pick(PLAIN_VARIABLES)}`],
      [3, () => `sh -c ls`],
      [3, () => `bash -c 'cat a'`],
      [3, () => `$${random.pick(PLAIN_VARIABLES)}`],
      [3, () => `cd d; cat e`],
      [10, () => this.#command()],
    ])()
  }

  #assignments(): string {
    const random = this.#random
    const count = 1 + random.below(2)
    return `${Array.from({ length: count }, () => this.#assignment()).join(random.pick([' ', '; ']))}; ${this.#use()}`
  }

  /** A variable that looks known, and gets another value by the way. */
  #overwritten(): string {
    const random = this.#random
    const name = random.pick(PLAIN_VARIABLES)
    const number = random.pick(NUMBERS)
    const evil = random.pick(EVIL_NAMES)
    const way = random.weighted<() => string>([
      [20, () => `read ${name}`],
      [6, () => `read -r y ${name}`],
      [6, () => `while read ${name}; do ${this.#valueOf(name)}; done`],
      [8, () => `for ${name} in ${number} ${random.chance(60) ? evil : this.#word()}; do ${this.#valueOf(name)}; done`],
      [6, () => `for ${name}; do :; done`],
      [6, () => `getopts a:b ${name} -a ${evil}`],
      [5, () => `export ${name}=${evil}`],
      [4, () => `readonly ${name}=${random.pick(NUMBERS)}`],
      [5, () => `f() { ${name}=${evil}; }; f`],
      [4, () => `f() { local ${name}=${evil}; ${this.#valueOf(name)}; }; f`],
      [4, () => `: \${${name}:=${evil}}`],
      [4, () => `unset ${name}; : \${${name}=${evil}}`],
      [4, () => `${name}=$(echo ${evil})`],
      [4, () => `${name}=$y`],
      [4, () => `${name}=${number}${this.#expansion()}`],
      [3, () => `${name}+=${this.#word()}`],
      [3, () => `mapfile ${name}`],
      [3, () => `printf -v ${name} %s ${evil}`],
      [3, () => `declare -n y=${name}; y=${evil}`],
      [3, () => `sh -c '${name}=2; echo $((${name}))'`],
      [3, () => `${name}=${evil} env ${name}=2 sh -c 'echo $((${name}))'`],
      [3, () => `env ${name}=${evil} sh -c 'echo $((${name}))'`],
      [3, () => `IFS=${random.pick(NUMBERS)}`],
      [3, () => `set -- ${evil}; ${name}=$1`],
      [2, () => `(${name}=${evil})`],
      [2, () => `{ ${name}=${evil}; }`],
      [2, () => `true && ${name}=${evil}`],
      [2, () => `case x in x) ${name}=${evil};; esac`],
      [2, () => `exec {${name}}<a`],
      [2, () => `echo | { read ${name}; ${this.#valueOf(name)}; }`],
      [2, () => `cat ${evil} | while read ${name}; do ${this.#valueOf(name)}; done`],
    ])()
    return `${name}=${number}; ${way}; ${this.#valueOf(name)}`
  }

  #valueOf(name: string): string {
    const random = this.#random
    return random.pick([
      `echo $((${name}))`,
      `echo $(($${name} + 1))`,
      `echo $((${name} > 1 ? 2 : ${name}))`,
      `cat a $${name}`,
      `cat "$${name}"`,
      `chmod $${name} a`,
      `head -n $${name} a`,
      `timeout $${name} cat a`,
      `[ $${name} -eq 1 ]`,
      `[ "$${name}" = 1 ]`,
      `test -e $${name}`,
      `[ $${name} ]`,
      `echo $${name}`,
      `sh -c 'echo $((${name}))'`,
      `exit $${name}`,
      `shift $${name}`,
      `cat a$${name}`,
      `sleep 0; cp a "$${name}"`,
      `printf %d "$${name}"`,
      `echo \${${name}:-x}`,
      `echo "\${#${name}}"`,
      `chmod $$ a`,
      `sh -c "echo $${name}"`,
    ])
  }

  #assignment(): string {
    const random = this.#random
    const name = random.pick(VARIABLES)
    return random.weighted<() => string>([
      [50, () => `${name}=${this.#word()}`],
      [10, () => `${name}=`],
      [8, () => `${name}=$${random.pick(VARIABLES)}`],
      [5, () => `${name}=${random.pick(EVIL_NAMES)}`],
      [5, () => `${name}=/mnt/u/bin`],
      [4, () => `${name}+=${this.#word()}`],
      [3, () => `${name}[${random.pick(['0', '1', 'x', '$x', '$(rm a)'])}]=${this.#word()}`],
      [3, () => `${name}=(${this.#word()} ${this.#word()})`],
      [1, () => `${name}=([${random.pick(['x', '$x', '"$y"', '1'])}]=${this.#word()})`],
      [3, () => `${name}=${this.#expansion()}`],
      [2, () => `${name}=rc`],
      [2, () => `${name}='a[$('`],
    ])()
  }

  #hereDocument(): string {
    const random = this.#random
    const [start, end] = random.pick([
      ['E', 'E'],
      ["'E'", 'E'],
      ['"E"', 'E'],
      ['\\E', 'E'],
      ["$'E'", 'E'],
      ["$'E'", '$E'],
      ['$"E"', 'E'],
      ['$"E"', '$E'],
      ["E'O'F", 'EOF'],
      ['"E F"', 'E F'],
      ['$E', '$E'],
      ['"$E"', '$E'],
      ['`E`', '`E`'],
      ['E\\\nF', 'EF'],
      ['${E}', '${E}'],
      ['""', ''],
      ['$(E)', '$(E)'],
      ['"E\\"F"', 'E"F'],
      ['"E\\F"', 'E\\F'],
      ["E''", 'E'],
      ['-', '-'],
      ['*', '*'],
      ['~', '~'],
      ['E;', 'E'],
    ] as const)
    const program = random.pick([
      'cat',
      'cat',
      'cat',
      'cat -n',
      'tr a b',
      'wc',
      'xargs cat',
      'sh',
      'read x',
      'tee new',
      'cat a -',
    ])
    const dash = random.chance(15) ? '-' : ''
    const lines = Array.from({ length: 1 + random.below(3) }, () =>
      random.weighted<() => string>([
        [30, () => 'rm vault/secret'],
        [15, () => 'text'],
        [15, () => this.#expansion()],
        [8, () => 'E'],
        [8, () => '$E'],
        [5, () => '\tE'],
        [5, () => 'E '],
        [5, () => 'text\\'],
        [5, () => `\\${this.#expansion()}`],
        [5, () => "'"],
        [4, () => '`'],
        [5, () => `cat vault/secret`],
      ])(),
    )
    const after = random.chance(60) ? `\n${this.#command()}` : random.chance(30) ? '\nrm vault/secret' : ''
    const tail = random.weighted([
      [70, ''],
      [10, ' | cat'],
      [6, '; ls'],
      [5, ' <<F'],
      [5, ' && cat a'],
      [4, ' )'],
    ])
    const second = tail === ' <<F' ? '\nmore\nF' : ''
    return `${program} <<${dash}${start}${tail}\n${lines.join('\n')}\n${end}${second}${after}`
  }

  #redirection(): string {
    const random = this.#random
    return random.weighted<() => string>([
      [25, () => `> ${this.#path()}`],
      [12, () => `>> ${this.#path()}`],
      [20, () => `< ${this.#path()}`],
      [10, () => '2>&1'],
      [8, () => '2>/dev/null'],
      [4, () => `>| ${this.#path()}`],
      [4, () => `<> ${this.#path()}`],
      [4, () => `&> ${this.#path()}`],
      [3, () => `&>> ${this.#path()}`],
      [3, () => `>& ${this.#path()}`],
      [2, () => `<& ${this.#path()}`],
      [
        4,
        () =>
          `${random.pick(['0', '2', '3', '9', '10', '12', '01', '002'])}${random.pick(['>', '<', '>>', '<>'])}${this.#path()}`,
      ],
      [3, () => random.pick(['>&-', '<&-', '>&2', '<&0', '3>&1', '2>&-', '>&3-', '1>&$x', '<&"0"'])],
      [2, () => `{${random.pick(VARIABLES)}}${random.pick(['>', '<'])}${this.#path()}`],
      [4, () => `<<< ${this.#word()}`],
      [3, () => `< <(${this.#command()})`],
      [2, () => `> >(${this.#command()})`],
    ])()
  }

  #expansion(): string {
    const random = this.#random
    const name = random.pick(VARIABLES)
    if (this.#depth > 3) return `$${name}`
    this.#depth++
    const text = random.weighted<() => string>([
      [20, () => `$${name}`],
      [10, () => `"$${name}"`],
      [16, () => `$(${this.#command()})`],
      [6, () => `"$(${this.#command()})"`],
      [8, () => `\`${this.#command().replaceAll(/[\\`$]/g, '\\$&')}\``],
      [5, () => `<(${this.#command()})`],
      [2, () => `>(${this.#command()})`],
      [5, () => `$((${this.#arithmetic()}))`],
      [2, () => `$[${this.#arithmetic()}]`],
      [
        14,
        () =>
          `\${${name}${random.pick([':-', '-', ':=', '=', ':+', '+', ':?', '#', '##', '%', '%%', '/', '//', '^', ',', ':', '@', '/#'])}${this.#word()}}`,
      ],
      [2, () => `\${${random.pick(['!', '#'])}${name}}`],
      [2, () => `\${${name}[${random.pick(['0', '@', '*', 'x', '$(rm a)'])}]}`],
      [2, () => `\${${name}@${random.pick(['P', 'Q', 'E', 'A', 'a', 'U'])}}`],
      [2, () => `\${!${name}@}`],
      [3, () => `"\${${name}:-${this.#word()}}"`],
      [
        3,
        () =>
          `"\${${name}${random.pick([':-', '-', ':=', ':+', '#', '%'])}${random.pick(['', '$', '"'])}${random.pick(EVIL_NAMES)}}"`,
      ],
      [4, () => random.pick(['$@', '"$@"', '$*', '$1', '$#', '$?', '$$', '$!', '$-', '$_', '$0', '${10}'])],
      [2, () => random.pick(['~', '~+', '~-', '~root', '~/a', '~nobody', '~0'])],
    ])()
    this.#depth--
    return text
  }

  #arithmetic(): string {
    const random = this.#random
    return random.pick([
      '1 + 1',
      'x',
      'x = 2',
      'a[0]',
      'PATH = 3',
      '$x',
      '1 ? 2 : x',
      '`echo 1`',
      'a[$(rm a)]',
      '0x10',
      "'1'",
      'x++',
      '2#10',
      '1, 2',
      '08',
      '"1"',
    ])
  }

  #word(): string {
    const random = this.#random
    return random.weighted<() => string>([
      [40, () => random.pick(PLAIN_WORDS)],
      [25, () => this.#path()],
      [14, () => this.#quoted(random.pick(PLAIN_WORDS))],
      [10, () => this.#expansion()],
      [4, () => random.pick(ODD_WORDS)],
      [3, () => random.pick(EVIL_NAMES)],
      [2, () => `${random.pick(PLAIN_WORDS)}${this.#expansion()}`],
      [2, () => random.pick(NUMBERS)],
    ])()
  }

  #path(): string {
    const random = this.#random
    return random.weighted<() => string>([
      [52, () => random.pick(PATHS)],
      [10, () => this.#quoted(random.pick(PATHS))],
      [8, () => random.pick(ODD_PATHS)],
      [7, () => random.pick(GLOBS)],
      [6, () => `${random.pick(DIRECTORIES)}/${random.pick(NAMES)}`],
      [3, () => `${random.pick(DIRECTORIES)}/../${random.pick(NAMES)}`],
      [3, () => `/mnt/u/${random.pick(PATHS)}`],
      [3, () => `~/${random.pick(PATHS)}`],
      [2, () => `./${random.pick(PATHS)}`],
      [2, () => random.pick(EVIL_NAMES)],
      [2, () => this.#expansion()],
      [2, () => `${random.pick(DIRECTORIES)}//./${random.pick(NAMES)}`],
      [1, () => `{${random.pick(PATHS)},${random.pick(PATHS)}}`],
      [1, () => `$HOME/${random.pick(PATHS)}`],
      [1, () => `"$PWD"/${random.pick(PATHS)}`],
    ])()
  }

  #quoted(text: string): string {
    const random = this.#random
    const at = random.below(text.length + 1)
    const [head, tail] = [text.slice(0, at), text.slice(at)]
    return random.weighted<() => string>([
      [30, () => `'${text}'`],
      [30, () => `"${text}"`],
      [10, () => `${head}'${tail}'`],
      [10, () => `${head}\\${tail}`],
      [6, () => `"${head}"${tail}`],
      [4, () => `${head}''${tail}`],
      [4, () => `${head}""${tail}`],
      [4, () => `$'${text}'`],
      [3, () => `$"${text}"`],
      [2, () => `$'${[...text].map((letter) => `\\x${letter.charCodeAt(0).toString(16)}`).join('')}'`],
      [2, () => `${head}\\\n${tail}`],
      [1, () => `'${head}'"${tail}"`],
    ])()
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

const FAVOURITES: readonly Program[] = [
  'cat',
  'rm',
  'ls',
  'cp',
  'mv',
  'ln',
  'touch',
  'head',
  'grep',
  'sort',
  'echo',
  'tee',
  'mkdir',
  'chmod',
  'wc',
]
  .map((name) => PROGRAMS.find((program) => program.name === name))
  .filter((program) => program !== undefined)
