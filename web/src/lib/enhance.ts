// A form sent by scripts, as SvelteKit does it; but where the server cannot be reached the page stays as it is, with what
// was typed, and says so.
import { applyAction, enhance as byKit, type ActionResult, type SubmitFunction } from '$app/forms'
import { toast } from 'svelte-sonner'
import { connection } from './connection.svelte.ts'

type Then = Exclude<Awaited<ReturnType<SubmitFunction>>, void>
type Answer = Parameters<Then>[0]

export function enhance(form: HTMLFormElement, submit?: SubmitFunction) {
  const send: SubmitFunction = async (input) => {
    if (connection.whyNot !== undefined) {
      toast.error(`${connection.whyNot} Nothing was sent.`)
      return input.cancel()
    }
    const then = await submit?.(input)
    return async (answer) => {
      const told = (await isUnanswered(answer)) ? unanswered(answer) : answer
      return then === undefined ? told.update() : then(told)
    }
  }
  return byKit(form, send)
}

async function isUnanswered({ result }: Answer): Promise<boolean> {
  return result.type === 'error' && result.status === undefined && !(await connection.isThere())
}

/** To the form it is a refusal like another, except that nobody knows what became of it. */
function unanswered(answer: Answer): Answer {
  const name = answer.formData.get('form')
  const message = `${connection.whyNot ?? 'The connection broke.'} Whether it was done is not known: look again when you are back.`
  const result: ActionResult = {
    type: 'failure',
    status: 503,
    location: answer.action.pathname,
    data: { type: 'unanswered', message, errors: {}, values: typeof name === 'string' ? { form: name } : {} },
  }
  toast.error(message)
  return { ...answer, result, update: () => applyAction(result) }
}
