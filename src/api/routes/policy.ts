import { Readable } from 'node:stream'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Person, Target } from '../../policy/command.ts'
import { describeAutoApprovalNow } from '../../policy/auto-approval.ts'
import { isVisible, type Judgement } from '../../policy/decide.ts'
import { describeAccess, describeCommandRule, describeMasking, explain } from '../../policy/explain.ts'
import { describeApprovers } from '../../policy/joint-approvers.ts'
import { policySchemas } from '../../policy/parse-policy.ts'
import { matchesTarget } from '../../policy/match/target.ts'
import type { CommandRule, Policy, TargetSelector, WhoSelector } from '../../policy/policy.ts'
import { tryCommand } from '../../policy/trial.ts'
import { PamError, UsageError } from '../../shared/errors.ts'
import { parseYaml } from '../../shared/yaml-file.ts'
import { findLogin } from '../../storage/logins.ts'
import { findRecording } from '../../storage/recordings.ts'
import { countSearched, searchSessions } from '../../storage/sessions.ts'
import { whyPeople } from '../auto-approve.ts'
import type { ApiDeps } from '../deps.ts'
import { whileProven } from '../proven-login.ts'
import { replayPolicy } from '../policy-replay.ts'
import { needRole } from '../role-acts.ts'
import {
  explanationSchema,
  replayBody,
  rulesSchema,
  trialBody,
  trialSchema,
  type ReplayLine,
  type TrialResult,
  draftBody,
  draftSchema,
  type DraftProblems,
} from '../schemas/policy.ts'
import { maySeeAll } from '../visible-session.ts'
import type { App } from './app.ts'

/** What the rules say: of a target, of a command, of what was run in the last days. */
export const policyRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  explainRoute(app, deps)
  rulesRoute(app, deps)
  tryRoute(app, deps)
  draftRoute(app, deps)
  replayRoute(app, deps)
}

function explainRoute(app: App, deps: ApiDeps): void {
  app.get(
    '/v1/policy/explain',
    { schema: { querystring: z.object({ target: z.string() }), response: { 200: explanationSchema } } },
    async (request) => {
      const { policy, targets } = deps.settings()
      const target = targets.find(({ name }) => name === request.query.target)
      // A target that nothing lets the person know of is answered as one that does not exist.
      const explained = target && explain(policy, request.login().person, target)
      if (explained === undefined || !explained.accessRules.some(({ applies }) => applies))
        throw unknownTarget(request.query.target)
      const { access, ...rest } = explained
      const copy = <T>(items: readonly T[]): T[] => [...items]
      return {
        target: rest.target,
        accessRules: copy(rest.accessRules),
        commands: copy(rest.commands),
        masking: copy(rest.masking),
        ...(access === undefined
          ? {}
          : { access: { ...access, ...(await nowOf(access.rule, explained.target, request.login().person, deps)) } }),
      }
    },
  )
}

/** What a request of somebody under this rule would meet now. `person`: undefined where it is nobody's in particular. */
async function nowOf(
  name: string,
  target: string,
  person: Person | undefined,
  { db, settings, clock }: Pick<ApiDeps, 'db' | 'settings' | 'clock'>,
  now = clock.now(),
): Promise<{ readonly now?: string }> {
  const rule = settings().policy.access.find((one) => one.name === name)
  if (rule?.autoApprove === undefined) return {}
  const why = person && (await whyPeople(db.read, { person: person.id, targets: [target] }, rule, now))
  return { now: why === undefined ? describeAutoApprovalNow(rule.autoApprove, now) : `people decide: ${why}` }
}

function rulesRoute(app: App, deps: ApiDeps): void {
  app.get('/v1/policy/rules', { schema: { response: { 200: rulesSchema } } }, async (request) => {
    if (!maySeeAll(request.login(), deps))
      throw new PamError('NOT_ALLOWED', 'only auditors and operators can read all rules', {
        hint: '"pamctl policy explain TARGET" shows those that are about you',
      })
    const { policy, targets } = deps.settings()
    const about = (rule: { who?: WhoSelector; targets: TargetSelector }): string =>
      `${describeWho(rule.who)} on ${describeTargets(rule.targets)}`
    return {
      version: policy.version,
      access: policy.access.map((rule) => ({ rule: rule.name, about: about(rule), text: describeAccess(rule) })),
      commands: policy.commands
        .filter((rule) => canApply(rule, targets))
        .map((rule) => ({
          rule: rule.name,
          about: about(rule),
          text: describeCommandRule(rule, policy.language),
          effect: rule.effect.type,
        })),
      masking: policy.masking.map((rule) => ({
        rule: rule.name,
        about: `on ${describeTargets(rule.targets)}${rule.except === undefined ? '' : `, except for ${describeWho(rule.except)}`}`,
        text: describeMasking(rule),
      })),
      targets: targets.map(({ name }) => name),
      groups: groupsIn(policy),
    }
  })
}

/** A rule set has rules for each protocol: those of one that no target of the rule has can never decide. */
const canApply = ({ targetType, targets: selector }: CommandRule, targets: readonly Target[]): boolean =>
  targetType === undefined || targets.some((target) => target.type === targetType && matchesTarget(selector, target))

function tryRoute(app: App, deps: ApiDeps): void {
  app.post('/v1/policy/try', { schema: { body: trialBody, response: { 200: trialSchema } } }, async (request) => {
    const login = request.login()
    const { target: name, command: text, person: asked, at } = request.body
    // What stands behind a NUL would not be read.
    if (text.includes('\u0000')) throw new UsageError('a command cannot contain NUL')
    if (asked !== undefined) needRole(login, 'policy.try', deps)
    const { policy, targets } = deps.settings()
    const target = targets.find((candidate) => candidate.name === name)
    const person: Person = asked === undefined ? login.person : { id: 'trial', label: 'trial', ...asked }
    if (target === undefined || (!maySeeAll(login, deps) && !isVisible(policy, person, target)))
      throw unknownTarget(name)
    const { facts, refusal } = await deps.readCommand(target, text)
    const command = { protocol: target.type, kind: 'statement' as const, text, parameters: [], facts }
    const trial = tryCommand(policy, person, target, command, refusal !== undefined)
    return {
      target: target.name,
      ...(trial.access === undefined
        ? {}
        : {
            access: {
              ...trial.access,
              ...(await nowOf(
                trial.access.rule,
                name,
                asked === undefined ? person : undefined,
                deps,
                at === undefined ? undefined : Date.parse(at),
              )),
            },
          }),
      judgement:
        refusal === undefined
          ? toJudgement(trial.judgement)
          : {
              verdict: 'deny' as const,
              message: `${refusal.message} (always denied, whatever the rules say)`,
              ...(refusal.hint === undefined ? {} : { hint: refusal.hint }),
            },
      statements: trial.statements.map(({ kind, reads, writes, unknown, rules }) => ({
        kind,
        reads: [...reads],
        writes: [...writes],
        unknown: [...unknown],
        rules: rules.map((rule) => ({ ...rule })),
      })),
      masking: [...trial.masking],
    } satisfies TrialResult
  })
}

/** What is wrong with a draft, as `pam-gateway check` would say it. */
function draftRoute(app: App, deps: ApiDeps): void {
  app.post('/v1/policy/draft', { schema: { body: draftBody, response: { 200: draftSchema } } }, async (request) => {
    needRole(request.login(), 'policy.draft', deps)
    try {
      parseDraft(request.body.draft, deps.settings().policy)
      return { problems: [] }
    } catch (error) {
      if (error instanceof UsageError) return { problems: problemsIn(error.message) }
      throw error
    }
  })
}

/** From `draft:2:5: unknown key "alow"`, a line for each. */
function problemsIn(message: string): DraftProblems {
  const found = [...message.matchAll(/^\s*draft:(\d+):(\d+): (.*)$/gm)].map(([, line, column, text]) => ({
    line: Number(line),
    column: Number(column),
    message: text ?? '',
  }))
  return found.length > 0 ? found : [{ line: 1, column: 1, message }]
}

function replayRoute(app: App, deps: ApiDeps): void {
  const { db, clock } = deps
  let isReplaying = false
  app.post('/v1/policy/replay', { schema: { body: replayBody } }, async (request, reply) => {
    const login = request.login()
    needRole(login, 'policy.replay', deps)
    const { draft, days } = request.body
    const { policy, targets } = deps.settings()
    const tried: Policy =
      draft === undefined ? policy : { ...policy, version: 'draft', commands: parseDraft(draft, policy) }
    if (isReplaying)
      throw new PamError('RATE_LIMITED', 'a replay is already running', {
        hint: 'wait until it is done',
      })
    isReplaying = true
    try {
      const asked = { since: clock.now() - days * DAY_MS }
      const count = await countSearched(db.read, asked)
      await deps.readings.note(login, 'policy.replayed', 'recordings', {
        days,
        sessions: count,
        draft: draft !== undefined,
        from: request.ip,
      })
      const lines = replayPolicy({
        sessions: searchSessions(db.read, asked),
        of: count,
        policy: tried,
        targets,
        read: (target, text) => deps.readCommand(target, text),
        async open(id, onHidden) {
          const row = await findRecording(db.read, id)
          return row === undefined || row.state === 'deleted' ? undefined : deps.evidence.events(row, { onHidden })
        },
        groupsOf: async ({ loginId }) => (await findLogin(db.read, loginId))?.person.groups ?? [],
      })
      const body = whileProven(Readable.from(jsonLines(lines)), login, deps)
      // Whoever does not read what they asked for keeps it from others for so long.
      const limit = setTimeout(() => body.destroy(), MAX_REPLAY_MS)
      body.on('close', () => {
        clearTimeout(limit)
        isReplaying = false
      })
      return await reply.type('application/x-ndjson').send(body)
    } catch (error) {
      isReplaying = false
      throw error
    }
  })
}

async function* jsonLines(lines: AsyncIterable<ReplayLine>): AsyncGenerator<string, void, undefined> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`
}

function parseDraft(text: string, { language }: Policy): Policy['commands'] {
  try {
    return parseYaml(text, 'draft', policySchemas(language).draftSchema).commands.flat()
  } catch (error) {
    if (error instanceof PamError) throw new UsageError(error.message)
    throw error
  }
}

function toJudgement(judgement: Judgement): TrialResult['judgement'] {
  const { type: verdict, rule } = judgement
  return {
    verdict,
    ...(rule === undefined ? {} : { rule }),
    ...(judgement.type === 'deny' ? { message: judgement.message } : {}),
    ...(judgement.type === 'deny' && judgement.hint !== undefined ? { hint: judgement.hint } : {}),
    ...(judgement.type === 'hold' ? { approvers: describeApprovers(judgement.effect.approvers) } : {}),
  }
}

function describeWho(who: WhoSelector = {}): string {
  const kind = who.kind === undefined ? 'everybody' : `every ${who.kind}`
  const named = who.people === undefined ? kind : who.people.join(' or ')
  return who.groups === undefined ? named : `${named} in ${who.groups.join(' or ')}`
}

function describeTargets({ names, labels }: TargetSelector): string {
  const parts = [
    ...(names === undefined ? [] : [names.join(' or ')]),
    ...Object.entries(labels ?? {}).map(([label, value]) => `${label}=${value}`),
  ]
  return parts.length === 0 ? 'all targets' : parts.join(', ')
}

/** Groups that any rule names. */
function groupsIn({ access, commands, masking }: Policy): string[] {
  const named = [...access, ...commands].flatMap(({ who }) => who.groups ?? [])
  const excepted = masking.flatMap(({ except }) => except?.groups ?? [])
  return [...new Set([...named, ...excepted])].toSorted()
}

const unknownTarget = (name: string): PamError =>
  new PamError('TARGET_UNKNOWN', `no target named "${name}" is visible to you`, {
    hint: '"pamctl targets" lists yours',
  })

const DAY_MS = 86_400_000
const MAX_REPLAY_MS = 600_000
