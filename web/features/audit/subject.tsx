import { Link } from '../../app/router.tsx'
import { Text } from '../../components/ui/text.tsx'

/** Whether there is a page about what an entry is about. */
export const hasPage = (id: string): boolean => pageOf(id) !== undefined

const pageOf = (id: string): string | undefined =>
  id.startsWith('ses_') ? 'sessions' : /^(req|apr)_/.test(id) ? 'reviews' : undefined

/** The id of what an entry or a message is about, as a link if it has a page. */
export function Subject({ id }: { id: string }) {
  const page = pageOf(id)
  if (page === undefined) return <Text>{id}</Text>
  return (
    <Link to={`/${page}/${encodeURIComponent(id)}`} class="mono">
      {id}
    </Link>
  )
}
