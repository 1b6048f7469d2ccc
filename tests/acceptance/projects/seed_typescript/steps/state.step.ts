import { ApiRouteConfig, Handlers } from 'motia';

export const config: ApiRouteConfig = { name: 'State', type: 'api', path: '/state', method: 'POST', emits: [] };

export const handler: Handlers['State'] = async (req, { state, traceId }) => {
  // Store data
  await state.set(traceId, 'user-preferences', { theme: 'dark', lang: 'en' });

  // Retrieve data
  const preferences = await state.get(traceId, 'user-preferences');

  // Get all data in a group
  const allUserData = await state.getGroup(traceId);

  // Clear all data for this workflow
  await state.clear(traceId);

  const after = await state.get(traceId, 'user-preferences')
  const left = await state.getGroup(traceId)
  return { status: 200, body: { preferences, all: allUserData, after, left } }
};
