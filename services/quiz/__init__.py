"""Quiz: quizzes of lessons, learners' attempts, and grading."""
