// Where mails and clients send who is asked to approve a call.
import { redirect } from '@sveltejs/kit'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = ({ params: { projectId, approvalId } }) => {
  redirect(303, `/app/projects/${encodeURIComponent(projectId)}/approvals/${encodeURIComponent(approvalId)}`)
}
