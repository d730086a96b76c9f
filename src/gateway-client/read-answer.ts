import { z } from 'zod'
import { describeIssue } from '../shared/describe-issue.ts'
import { PamError } from '../shared/errors.ts'
import { answerSchemas, type AnswerName, type Answers } from './answers.ts'
import { withOpenValues } from './open-values.ts'

// Most commands read one answer or two: to compile a schema takes longer than it saves.
z.config({ jitless: true })

/**
 * What a route answered, without the fields that are not known here. Throws VERSION_MISMATCH, which names the route and the field, where it is not
 * what the route answers: a gateway in the wrong hands may send anything.
 *
 * @param route such as `GET /v1/targets`
 */
export function readAnswer<Name extends AnswerName>(name: Name, route: string, value: unknown): Answers[Name] {
  const schemas: { readonly [Each in AnswerName]: z.ZodType<Answers[Each]> } = answerSchemas
  const { data, error } = withOpenValues(schemas[name]).safeParse(value, { error: describeIssue })
  if (error === undefined) return data
  const [issue] = error.issues
  const field = (issue?.path ?? []).map(String).join('.')
  throw new PamError(
    'VERSION_MISMATCH',
    `the gateway's answer to ${route} cannot be read${field === '' ? '' : ` at ${field}`}: ${issue?.message}`,
    {
      side: 'gateway',
      hint: 'pamctl and the gateway may be of different versions: compare pamctl --version with pam-gateway --version',
    },
  )
}
