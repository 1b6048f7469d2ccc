import { ApiRouteConfig, Handlers } from 'motia';

export const config: ApiRouteConfig = { name: 'Seen', type: 'api', path: '/seen/:group', method: 'GET', emits: [] };

export const handler: Handlers['Seen'] = async (req, { state }) => ({ status: 200, body: await state.getGroup(req.pathParams.group) });
