const config = { name: 'Seen', type: 'api', path: '/seen/:group', method: 'GET', emits: [] };

const handler = async (req, { state }) => ({ status: 200, body: await state.getGroup(req.pathParams.group) });

module.exports = { config, handler };
