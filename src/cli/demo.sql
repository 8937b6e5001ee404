-- Course enrolments by status
SELECT coalesce(enrolment_status_description, 'none') AS status, count(*) AS enrolments
FROM wisenet_course_enrolments
GROUP BY status
ORDER BY enrolments DESC;

-- Changed or removed since the run before (from the second run on)
SELECT h._ended AS what, h.given_name || ' ' || h.family_name AS person
FROM webuntis_users_history AS h
WHERE h._ended_run = (SELECT max(run) FROM rollbook_runs WHERE job = 'webuntis')
ORDER BY what DESC, person
LIMIT 10;

-- Teachers, and the lessons each of them has
SELECT u.given_name || ' ' || u.family_name AS teacher, count(*) AS lessons
FROM webuntis_enrollments AS e JOIN webuntis_users AS u ON u.sourced_id = e.user_id
WHERE e.role = 'teacher'
GROUP BY u.sourced_id
ORDER BY lessons DESC, teacher
LIMIT 10;

-- The room of the main hall, day by day
SELECT d.name, date(p.t) AS day, round(avg(p.v), 1) AS average, i.symbol AS unit
FROM wapi_points AS p
JOIN wapi_datas AS d ON d.id = p.data_id
JOIN wapi_wum_unit_items AS i ON i.id = d.wum_unit_item_id
WHERE d.name = 'Room temperature, hall'
GROUP BY day
ORDER BY day DESC
LIMIT 7;
