import type { Condition } from '../../policy/condition.ts'
import { matchesTarget } from '../../policy/match/target.ts'
import type { CommandRule, TargetSelector, WhoSelector } from '../../policy/policy.ts'
import { parseFieldPattern } from '../../shared/field-path.ts'
import { didYouMean } from '../../shared/nearest-word.ts'
import type { YamlPath } from '../../shared/yaml-file.ts'
import { autoApprovalFindings } from './auto-approval-findings.ts'
import { breakGlassFindings } from './break-glass-findings.ts'
import type { Finding } from './finding.ts'
import { appNameFindings } from './gateway-hosts.ts'
import { passkeyFindings } from './passkey-findings.ts'
import type { ConfigFile } from './schema.ts'
import { shadowedAccess, shadowedCommands } from './shadowed-rules.ts'
import type { TargetConfig } from '../../gateway/target.ts'
import { policyLanguage } from '../../protocols/policy-language.ts'
import { kindOf } from './target-kind.ts'

/** Groups that somebody can have, by kind; those of the built-in provider stand in its own file. */
export interface KnownGroups {
  readonly evaluation?: Readonly<Record<'person' | 'service', ReadonlySet<string>>>
}

/** What each value by itself cannot show: words that nothing in the rest of the file answers to. */
export function reviewConfig(config: ConfigFile, known: KnownGroups): Finding[] {
  return [
    ...warnings(config),
    ...appNameFindings(config),
    ...selectorFindings(config),
    ...groupFindings(config, known),
    ...kindOfPersonFindings(config),
    ...loginFindings(config),
    ...breakGlassFindings(config),
    ...passkeyFindings(config),
    ...autoApprovalFindings(config),
    ...config.commands.flatMap((rules, index) => commandFindings(rules, index, config)),
    ...maskingFindings(config),
    ...fieldFindings(config),
    ...unmaskedSecrets(config),
    ...openedByUnknown(config),
    ...closedByReadOnly(config),
    ...shadowedAccess(config),
    ...shadowedCommands(config),
  ]
}

/** What the file allows that it should not. */
function warnings(config: ConfigFile): Finding[] {
  const found: Finding[] = []
  const warn = (path: YamlPath, message: string): void => void found.push({ level: 'warning', path, message })
  config.targets.forEach((target, index) => {
    for (const { path, message } of kindOf(target).warnings(target)) warn(['targets', index, ...path], message)
  })
  if (config.identity.evaluation !== undefined)
    warn(['identity', 'evaluation'], 'the built-in OpenID provider is for evaluation, not for production')
  return found
}

/** Names and labels that no target has. */
function selectorFindings({ targets, access, commands, masking, recording }: ConfigFile): Finding[] {
  if (targets.length === 0) return []
  const found: Finding[] = []
  const warn = (path: YamlPath, message: string): void => void found.push({ level: 'warning', path, message })
  const names = targets.map(({ name }) => name)
  const labels = new Set(targets.flatMap((target) => Object.keys(target.labels)))
  const review = (selector: TargetSelector, path: YamlPath): void => {
    const before = found.length
    selector.names?.forEach((name, index) => {
      if (!names.includes(name))
        warn([...path, 'names', index], `no target is named "${name}"${didYouMean(name, names)}`)
    })
    for (const [label, value] of Object.entries(selector.labels ?? {})) {
      const at = [...path, 'labels', label]
      const values = targets.flatMap((target) => target.labels[label] ?? [])
      if (values.length === 0) warn(at, `no target has a label "${label}"${didYouMean(label, labels)}`)
      else if (!values.includes(value))
        warn(at, `no target has the label ${label}: ${value}${didYouMean(value, values)}`)
    }
    if (found.length === before && !targets.some((target) => matchesTarget(selector, target)))
      warn(path, 'no target matches all of this, so the rule never applies')
  }
  access.forEach((rule, index) => review(rule.targets, ['access', index, 'targets']))
  commands.forEach(([rule], index) => rule && review(rule.targets, ['commands', index, 'targets']))
  masking.forEach((rule, index) => review(rule.targets, ['masking', index, 'targets']))
  recording.retention.forEach((rule, index) => review(rule.targets, ['recording', 'retention', index, 'targets']))
  return found
}

/**
 * Groups that nobody can have; only where every issuer's groups are known. The file of the built-in provider is read again
 * while the gateway runs: what nobody has in it is a warning.
 */
function groupFindings(config: ConfigFile, { evaluation }: KnownGroups): Finding[] {
  const { issuers } = config.identity
  const groupsOf = (kind: 'person' | 'service'): Set<string> | undefined => {
    const all = issuers.filter((issuer) => issuer.for === (kind === 'person' ? 'people' : 'services'))
    if (all.some(({ knownGroups }) => knownGroups === undefined)) return undefined
    if (config.identity.evaluation !== undefined && evaluation === undefined) return undefined
    return new Set([
      ...all.flatMap(({ groups, knownGroups = [] }) => [...groups, ...knownGroups]),
      ...(evaluation?.[kind] ?? []),
    ])
  }
  const people = groupsOf('person')
  const services = groupsOf('service')
  const found: Finding[] = []
  const review = (
    groups: readonly string[] | undefined,
    path: YamlPath,
    kind?: 'person' | 'service',
    isCondition = false,
  ): void => {
    const possible =
      kind === 'person'
        ? people
        : kind === 'service'
          ? services
          : people && services && new Set([...people, ...services])
    if (possible === undefined) return
    groups?.forEach((group, index) => {
      if (possible.has(group)) return
      const whom = kind === undefined ? 'nobody' : kind === 'person' ? 'no person' : 'no service'
      found.push({
        // A condition may have more to it than one group.
        level: evaluation === undefined && !isCondition ? 'error' : 'warning',
        path: isCondition ? path : [...path, index],
        message: `${whom} can be in the group "${group}": no issuer gives it${didYouMean(group, possible)}`,
      })
    })
  }
  const condition = (when: Condition | undefined, path: YamlPath, kind?: 'person' | 'service'): void =>
    review(when?.groups, [...path, 'when'], kind, true)
  const who = (selector: WhoSelector | undefined, path: YamlPath): void =>
    review(selector?.groups, [...path, 'groups'], selector?.kind)
  config.access.forEach((rule, index) => {
    who(rule.who, ['access', index, 'who'])
    condition(rule.when, ['access', index], rule.who.kind)
    review(rule.approvers?.groups, ['access', index, 'approvers', 'groups'], 'person')
    review(rule.breakGlass?.reviewers.groups, ['access', index, 'breakGlass', 'reviewers', 'groups'], 'person')
  })
  config.commands.forEach(([rule], index) => {
    if (rule === undefined) return
    who(rule.who, ['commands', index, 'who'])
    condition(rule.when, ['commands', index], rule.who.kind)
    if (rule.effect.type === 'hold')
      review(rule.effect.approvers.groups, ['commands', index, 'hold', 'approvers', 'groups'], 'person')
  })
  config.masking.forEach((rule, index) => who(rule.except, ['masking', index, 'except']))
  review(config.roles.audit, ['roles', 'audit'])
  review(config.roles.operate, ['roles', 'operate'])
  review(config.roles.lock ?? [], ['roles', 'lock'])
  config.tests.forEach((test, index) => review(test.groups, ['tests', index, 'groups'], test.kind))
  return found
}

/** Rules about people where nobody signs people in, or about services. */
function kindOfPersonFindings({ identity, access, commands, masking }: ConfigFile): Finding[] {
  const found: Finding[] = []
  const signedIn = (kind: 'person' | 'service'): boolean =>
    identity.evaluation !== undefined ||
    identity.issuers.some((issuer) => issuer.for === (kind === 'person' ? 'people' : 'services'))
  const review = (who: WhoSelector | undefined, path: YamlPath): void => {
    if (who?.kind === undefined || signedIn(who.kind)) return
    const message = `no issuer signs in ${who.kind === 'person' ? 'people' : 'services'}, so this never applies`
    found.push({ level: 'warning', path: [...path, 'kind'], message })
  }
  access.forEach((rule, index) => review(rule.who, ['access', index, 'who']))
  commands.forEach(([rule], index) => review(rule?.who, ['commands', index, 'who']))
  masking.forEach((rule, index) => review(rule.except, ['masking', index, 'except']))
  return found
}

/** Accounts that none of the rule's targets has. */
function loginFindings({ targets, access, commands }: ConfigFile): Finding[] {
  const found: Finding[] = []
  const review = (logins: readonly string[] | undefined, among: readonly TargetConfig[], path: YamlPath): void => {
    const accounts = new Set(among.flatMap((target) => kindOf(target).accounts(target)))
    if (among.length === 0) return
    logins?.forEach((login, index) => {
      if (accounts.has(login)) return
      const message = `none of the rule's targets has an account "${login}"${didYouMean(login, accounts)}`
      found.push({ level: 'error', path: [...path, index], message })
    })
  }
  const matched = (selector: TargetSelector): TargetConfig[] =>
    targets.filter((target) => matchesTarget(selector, target))
  access.forEach((rule, index) => review(rule.logins, matched(rule.targets), ['access', index, 'logins']))
  commands.forEach(([rule], index) => {
    if (rule === undefined || rule.set !== undefined) return
    const { logins } = rule.match
    if (!Array.isArray(logins)) return
    const speaking = matched(rule.targets).filter(({ type }) =>
      Object.hasOwn(policyLanguage.forTarget(type).vocabulary.fields, 'logins'),
    )
    review(logins as readonly string[], speaking, ['commands', index, 'match', 'logins'])
  })
  return found
}

/** Parts of a rule that no command of its targets can have. */
function commandFindings(rules: readonly CommandRule[], index: number, { targets }: ConfigFile): Finding[] {
  const [rule] = rules
  if (rule === undefined || rule.set !== undefined) return []
  const { match, effect } = rule
  const path = ['commands', index, 'match']
  const found: Finding[] = []
  const matched = targets.filter((target) => matchesTarget(rule.targets, target))
  const types = [...new Set(matched.map(({ type }) => type))]
  // A rule for all targets may be ahead of the targets that it is for.
  const isForAll = rule.targets.names === undefined && rule.targets.labels === undefined
  const level = isForAll ? 'warning' : 'error'
  const spoken = [...policyLanguage.wordsOf(match)]
  const [one, other] = spoken
  const isSpoken = (type: string): boolean => {
    const own = policyLanguage.spokenOn(type)
    return spoken.every(([vocabulary]) => own.includes(vocabulary))
  }
  if (one !== undefined && other !== undefined && !policyLanguage.types.some(isSpoken)) {
    const message = `${one[1][0]} is about ${one[0].about} and ${other[1][0]} about ${other[0].about}: no command has both`
    return [{ level: 'error', path: [...path, other[1][0] as string], message }]
  }
  const named = match.kinds?.flatMap((kind) => policyLanguage.kindsNamed(kind))
  if (types.length > 0) {
    if (one !== undefined && !types.some(isSpoken)) {
      const own = types.flatMap((type) => policyLanguage.spokenOn(type))
      for (const field of spoken.flatMap(([vocabulary, words]) => (own.includes(vocabulary) ? [] : words)))
        found.push({
          level,
          path: [...path, field],
          message: `${field} is not about ${describe(types)}, so this never applies`,
        })
    }
    match.kinds?.forEach((kind, at) => {
      if (policyLanguage.kindsNamed(kind, types).length > 0) return
      found.push({
        level,
        path: [...path, 'kinds', at],
        message: `"${kind}" is not a kind of command of ${describe(types)}`,
      })
    })
  }
  for (const vocabulary of policyLanguage.vocabularies) {
    for (const { field, message } of vocabulary.contradictions(match, named))
      found.push({ level: 'error', path: [...path, field], message })
  }
  if (effect.type === 'deny') return found
  if (spoken.length === 0) found.push(...sharedKinds(match.kinds ?? [], types, [...path, 'kinds']))
  match.kinds?.forEach((kind, at) => {
    const kinds = policyLanguage.kindsNamed(kind)
    const inFull = new Set(policyLanguage.vocabularies.flatMap(({ namedInFull }) => [...namedInFull]))
    if (!kind.endsWith('*') || kinds.length === 0 || !kinds.every((name) => inFull.has(name))) return
    const message = `"${kind}" allows nothing: ${kinds.join(', ')} must be named in full`
    found.push({ level: 'error', path: [...path, 'kinds', at], message })
  })
  return found
}

/** A word that is a command of one thing here and of another there: a rule that allows both may be meant for one. */
function sharedKinds(kinds: readonly string[], types: readonly string[], path: YamlPath): Finding[] {
  return kinds.flatMap((kind, at): Finding[] => {
    const speaking = types.filter((type) => policyLanguage.kindsNamed(kind, [type]).length > 0)
    const about = [...new Set(speaking.map((type) => policyLanguage.forTarget(type).vocabulary.about))]
    if (about.length < 2) return []
    const message = `"${kind}" is a command of ${about.join(' and of ')}: name the targets if the rule is for one of them`
    return [{ level: 'warning', path: [...path, at], message }]
  })
}

/** Columns of targets that have none. */
function maskingFindings({ targets, masking }: ConfigFile): Finding[] {
  return masking.flatMap((rule, index): Finding[] => {
    const matched = targets.filter((target) => matchesTarget(rule.targets, target))
    if (
      rule.columns.length === 0 ||
      matched.length === 0 ||
      matched.some((target) => kindOf(target).defaultSchema(target) !== undefined)
    )
      return []
    const vocabularies = [...new Set(matched.map(({ type }) => policyLanguage.forTarget(type).vocabulary))]
    const about = vocabularies.map((vocabulary) => vocabulary.about).join(' and ')
    const instead = vocabularies.some(({ checkField }) => checkField !== undefined) ? 'fields, kinds' : 'kinds'
    return [
      {
        level: 'error',
        path: ['masking', index, 'columns'],
        message: `the targets of this rule are ${about}: they have no columns; give ${instead} or patterns`,
      },
    ]
  })
}

/** Fields of what no target of the rule has. */
function fieldFindings({ targets, masking }: ConfigFile): Finding[] {
  return masking.flatMap((rule, index): Finding[] => {
    const matched = targets.filter((target) => matchesTarget(rule.targets, target))
    if (rule.fields.length === 0 || matched.length === 0) return []
    const vocabularies = new Set(matched.map(({ type }) => policyLanguage.forTarget(type).vocabulary))
    const checks = [...vocabularies].flatMap(({ checkField }) => checkField ?? [])
    const path = ['masking', index, 'fields']
    if (checks.length === 0)
      return [{ level: 'error', path, message: 'no target of this rule has objects with fields' }]
    return rule.fields.flatMap((field, at): Finding[] => {
      const problems = checks.map((check) => check(field))
      const [problem] = problems
      return problem === undefined || problems.includes(undefined)
        ? []
        : [{ level: 'error', path: [...path, at], message: problem }]
    })
  })
}

/** Targets whose secrets no rule masks. */
function unmaskedSecrets({ targets, masking }: ConfigFile): Finding[] {
  return targets.flatMap((target, index): Finding[] => {
    const { secretFields = [] } = policyLanguage.forTarget(target.type).vocabulary
    const named = masking.filter((rule) => matchesTarget(rule.targets, target)).flatMap(({ fields }) => fields)
    const covers = (pattern: string, field: string): boolean => {
      const [one, other] = [parseFieldPattern(pattern), parseFieldPattern(field)]
      if (one === undefined || other === undefined || one.path.length > other.path.length) return false
      return (
        (one.owner === '*' || one.owner === other.owner) &&
        one.path.every((step, at) => step === null || step === other.path[at])
      )
    }
    const open = secretFields.filter((field) => !named.some((pattern) => covers(pattern, field)))
    return open.length === 0
      ? []
      : [
          {
            level: 'warning',
            path: ['targets', index],
            message: `no masking rule hides ${open.join(', ')} on ${target.name}: whoever may read these objects sees their secrets`,
          },
        ]
  })
}

/** Rules that let code run which nobody reads, on targets that mask columns. */
function openedByUnknown({ targets, commands, masking }: ConfigFile): Finding[] {
  return commands.flatMap((rules, index): Finding[] => {
    const opening = rules.find(({ match, effect }) => effect.type === 'allow' && match.unknown === true)
    if (opening === undefined) return []
    const masked = targets.filter(
      (target) =>
        policyLanguage.forTarget(target.type).vocabulary.hasColumns &&
        matchesTarget(opening.targets, target) &&
        masking.some((rule) => rule.columns.length > 0 && matchesTarget(rule.targets, target)),
    )
    if (masked.length === 0) return []
    const names = masked.map(({ name }) => name).join(', ')
    return [
      {
        level: 'warning',
        path: ['commands', index, 'match', 'unknown'],
        message: `allows statements of unknown effect on ${names}, which masks columns: code in the server (DO, functions, dblink, foreign tables) can store masked values where they are not masked, name tables, cursors and prepared statements after them, keep them in settings, and signal them by SQLSTATE and time; only results and messages are masked`,
      },
    ]
  })
}

/** Rules that allow what no read-only session runs. */
function closedByReadOnly({ targets, commands }: ConfigFile): Finding[] {
  const readOnly = commands.flat().filter(({ set, when }) => set === 'read-only' && when === undefined)
  return commands.flatMap((rules, index): Finding[] => {
    const opening = rules.find(({ match, effect }) => effect.type !== 'deny' && match.unknown === true)
    if (opening === undefined) return []
    const mayMeet = ({ who }: CommandRule): boolean =>
      who.kind === undefined || opening.who.kind === undefined || who.kind === opening.who.kind
    const names = targets
      .filter(
        (target) =>
          matchesTarget(opening.targets, target) &&
          readOnly.some(
            (rule) => mayMeet(rule) && rule.targetType === target.type && matchesTarget(rule.targets, target),
          ),
      )
      .map(({ name }) => name)
    if (names.length === 0) return []
    return [
      {
        level: 'warning',
        path: ['commands', index, 'match', 'unknown'],
        message: `does not apply to sessions that the set read-only makes read-only on ${names.join(', ')}: they run no statement of unknown effect, whatever rules allow; list functions that you have reviewed in safeFunctions of the target`,
      },
    ]
  })
}

const describe = (types: readonly string[]): string => `targets of type ${types.join(' and ')}`
